"""Ink on blank: shadows are no ink, ruled lines go."""

import numpy as np

from shuzi.read import ink


def test_a_hard_shadow_edge_is_no_ink():
    paper = np.full((200, 300), 220, np.uint8)
    paper[:, 140:] = 110
    dark, light = ink.contrasts(paper, 41)
    assert dark.max() == light.max() == 0


def test_ruled_lines_go_and_the_stroke_across_them_stays():
    paper = np.zeros((200, 400), np.uint8)
    paper[40:180, 195:201] = 255  # a 1
    ruled = paper.copy()
    ruled[50::40] = ruled[51::40] = 255
    left = ink.without_lines(ruled, ruled // 2, 20)
    assert np.count_nonzero(left[:, :190]) == np.count_nonzero(left[:, 206:]) == 0
    assert (left[40:180, 196:200] == 255).all()
