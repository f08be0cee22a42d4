"""Handwriting of our own making: digits in the ways MNIST lacks, and marks that are no digit.

Every glyph is a skeleton of control points in a box of 100 by 100, x to the right and y down. A stroke is a
line of "x,y" joined by a smooth curve; "!" after a point makes it a sharp corner, "|" lifts the pen. Each
drawing moves the points, slants and squeezes the glyph, lets the hand tremble, draws with a pen of random
width and pressure, and ends as NIST became MNIST: in a box of 20 by 20, centre of mass in the middle.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from shuzi.data.digits import SIDE, Digits

BOX = 20
PEN = 8.6  # the middle of the pens' widths, in hundredths of the larger side
NOT_A_DIGIT = 10

# How people of different countries write each digit: one line a way, "weight: strokes".
DIGITS: dict[int, tuple[str, ...]] = {
    0: (
        "4: 50,0 18,15 6,50 20,86 50,100 82,86 94,50 80,14 50,0",
        "3: 60,3 28,8 6,45 24,92 55,99 92,60 82,15 56,0 42,8",
        "2: 66,3 30,6 8,45 22,92 55,98 90,62 84,22 68,6",  # not quite closed
        "1: 62,0 25,10 6,50 25,94 58,98 92,60 88,30 78,14",  # a gap at the top
        "2: 50,0 18,15 6,50 20,86 50,100 82,86 94,50 80,14 50,0 | 88,6 12,95",  # slashed
        "1: 50,2 18,15 6,50 20,86 50,98 82,86 94,50 80,14 50,2 | 102,-6 -2,106",
        "1: 48,10 58,0 25,8 5,50 22,92 55,98 92,60 84,18 58,2 38,14 34,24",  # curl inside
        "1: 72,0 40,3 10,40 16,85 50,100 86,80 90,35 70,8 44,6",
        "1: 50,0 20,0 5,30 5,70 25,100 70,100 95,70 95,30 75,0 50,0",  # boxy
        "1: 96,-4 60,2 22,8 6,50 20,90 52,99 84,86 92,48 78,14 52,2",  # leaves with a tail
        "1: 50,0 34,18 30,50 35,84 50,100 66,84 70,50 65,16 50,0",  # narrow
    ),
    1: (
        "4: 50,0 50,100",
        "2: 53,0 49,50 50,100",
        "1: 56,0 50,50 42,100",
        "3: 30,18 54,0! 54,100",
        "3: 14,34 56,0! 56,100",
        "2: 30,18 42,12 54,0! 54,100",  # a short flag that bows
        "2: 20,14 54,0! 54,100",
        "1: 18,18 34,10 54,0! 54,100",
        "2: 4,52 58,0! 58,100",
        "2: 0,66 54,0! 56,100",  # the flag as long as the stem, as in Germany
        "1: 2,48 30,26 58,0! 55,50 52,100",
        "3: 26,20 52,0! 52,100 | 22,100 82,100",
        "2: 18,26 52,0! 52,100 | 8,100 94,99",
        "1: 6,42 54,0! 54,98 | 16,97 90,100",
        "1: 50,0 50,100 | 24,100 78,100",
        "1: 28,20 52,0! 50,98! 20,98! 84,98",
        "1: 40,10 54,0! 52,52 54,100",
        "1: 26,22 44,16 55,0! 54,60 50,100",
        "1: 34,8 54,0! 54,94 66,100",  # ends in a hook
        "2: 8,36 38,5 54,3 58,24 56,100",  # a shoulder where flag and stem meet
    ),
    2: (
        "4: 10,25 24,6 54,0 82,16 80,38 52,68 6,99! 95,99",
        "2: 8,14 50,0 86,14 76,38 40,70 8,98! 94,96",
        "3: 12,22 40,0 76,10 80,35 50,72 22,96 6,90 14,78 36,85 64,98 96,90",  # loop at the foot
        "2: 8,20 44,0 80,20 70,52 26,92 8,94 16,80 40,84 68,99 98,84",
        "2: 14,28 22,8 50,0 80,12 74,42 44,76 8,98! 34,90 62,96 96,88",
        "1: 28,32 10,24 22,4 58,0 84,20 68,54 8,98! 96,96",  # curl at the start
        "1: 10,12 46,2 82,12 74,40 34,78 10,97! 50,94 96,102",
        "1: 4,30 30,4 62,2 78,22 62,56 30,86 2,100! 50,98 98,98",
        "1: 8,10 70,4 86,14! 12,98! 92,98",  # angular
        "1: 20,20 40,2 68,10 70,34 44,70 20,90 16,98 34,94 80,92",
    ),
    3: (
        "4: 10,15 42,0 80,10 76,36 38,47! 82,58 90,82 50,100 6,88",
        "3: 10,12 50,0 84,20 56,45 34,48 40,42 62,48 92,70 72,97 30,100 4,85",  # small loop
        "2: 8,3 86,3! 42,42! 84,54 90,80 50,100 6,88",  # flat top
        "1: 6,5 80,2! 36,38! 76,44 92,72 60,100 20,96 2,84",
        "2: 15,8 60,2 82,22 48,46 86,65 76,95 20,98",
        "2: 14,18 40,0 76,8 74,34 48,46! 80,54 84,82 46,100 10,96 2,80",
        "1: 20,25 10,10 45,0 82,14 72,38 44,46! 88,60 84,90 40,100 8,90 18,78",  # curled ends
        "1: 4,6 60,0 86,14 60,44 30,52 50,50 86,66 78,92 40,104 -4,112",
        "1: 18,2 78,12 84,26 40,48! 82,66 80,84 14,100",
    ),
    4: (
        "3: 24,0 8,58! 92,56 | 72,28 68,100",
        "3: 30,0 10,40 14,58 50,58 88,52 | 76,4 70,100",
        "2: 14,0 14,50! 76,50 | 76,0 76,100",  # open, square
        "2: 16,0 12,30 24,50 56,46 78,30 | 80,0 76,50 74,100",
        "3: 66,100 66,0! 4,64! 98,64",  # closed
        "2: 62,0 4,62! 96,62 | 66,6 64,100",
        "1: 60,102 64,0! 8,60! 64,60",
        "1: 58,0 10,60! 92,54 | 66,34 52,100",
        "2: 14,4 10,40 30,54 66,46 82,2! 78,50 72,100",  # in one stroke
        "1: 20,0 14,44! 84,40 | 84,0 80,100",
        "1: 48,0 30,30 4,62! 50,60 98,54 | 74,38 66,102",
        "1: 66,0 6,58 2,66 20,68 98,60 | 68,0 64,100",
        "1: 10,0 10,62! 96,62 | 60,24 60,100",
    ),
    5: (
        "3: 24,3 16,44 50,36 90,60 80,92 40,100 6,90 | 24,3 88,3",
        "3: 86,3 24,3! 17,45! 50,36 90,58 80,92 36,100 4,90",
        "2: 26,6 18,46! 52,36 88,58 76,94 36,100 6,88 | 30,-8 94,-12",  # the top stands off
        "1: 22,10 16,44! 56,38 84,64 70,94 30,100 4,92 | 34,2 98,0",
        "2: 88,4 46,2 20,16 26,40 68,50 90,74 62,98 8,92",  # like an S
        "1: 86,0 20,0! 16,44! 78,48 86,94! 8,98",  # angular
        "1: 92,-6 20,6! 20,46! 54,38 84,62 68,96 6,92",
        "2: 80,2 28,2! 22,40! 46,34 84,48 92,74 64,100 24,98 2,82",
        "1: 20,0 20,42! 60,36 84,56 80,86 40,100 0,96 | 20,2 60,6 96,0",
        "1: 96,2 38,4! 14,50! 46,44 68,62 54,90 8,100",
    ),
    6: (
        "3: 76,2 34,22 8,62 22,95 60,98 86,76 66,53 30,60 12,76",
        "3: 60,0 18,56 14,88 48,100 82,82 66,56 22,72",
        "2: 82,12 60,0 25,20 8,65 30,98 75,95 86,68 55,52 15,70",
        "2: 66,0 26,35 10,75 30,100 60,92 56,72 30,70 12,82",
        "1: 70,0! 15,50! 15,98! 80,98! 80,60! 18,58",  # by mouse
        "1: 64,0! 18,40! 8,76! 30,98! 70,96! 84,74! 60,56! 16,66",
        "2: 30,0 12,50 14,86 50,100 86,82 82,58 50,48 16,66",
        "1: 90,4 50,2 14,34 6,74 34,100 80,96 90,70 66,54 36,60 20,84",
        "1: 40,0 22,40 16,84 40,100 64,86 56,66 20,72",
    ),
    7: (
        "3: 5,5 92,5! 40,100",
        "2: 5,8 90,3! 60,45 46,100",
        "2: 8,22 8,5! 92,5! 44,100",
        "3: 5,5 92,5! 40,100 | 32,52 86,52",  # crossed
        "2: 8,8 90,3! 60,45 46,100 | 24,56 84,46",
        "1: 10,20 10,4! 90,4! 50,100 | 36,50 88,54",
        "1: 5,16 20,2 50,10 92,2! 46,100",
        "1: 5,16 22,3 52,10 90,2! 44,100 | 22,54 82,46",
        "1: 10,0 86,0! 74,100",
        "1: 14,40 14,5! 88,5! 68,100",  # the long serif of Japan and Korea
        "1: 12,32 10,6! 84,6! 80,30 58,100",
        "1: 8,4 70,4 86,12 70,44 52,100",
        "1: 2,4 90,6! 24,100",
        "1: 6,6 92,4! 38,100 | 40,44 80,66",
        "1: 28,4 72,4! 52,100",  # narrow
    ),
    8: (
        "4: 74,14 48,0 20,14 34,38 66,56 86,80 50,100 14,80 34,56 66,40 76,14",
        "2: 50,0 26,10 26,38 50,48 74,38 74,10 50,0 | 50,48 16,60 16,90 50,100 84,90 84,60 50,48",
        "1: 52,2 30,14 34,38 56,46 76,30 52,2 | 48,46 10,62 20,94 56,100 88,82 82,56 48,46",
        "2: 84,6 42,2 20,22 58,48 86,76 50,100 14,78 44,48 76,26 90,8",  # open at the top
        "2: 50,46 22,26 46,0 78,22 50,46 14,74 46,100 84,76 52,48",
        "1: 88,4 30,14 26,32 66,58 74,90 34,100 18,82 50,50 84,20 78,2",
        "1: 50,0 30,8 32,34 50,40 70,32 70,8 50,0 | 50,42 8,56 8,92 50,100 92,90 92,54 50,42",
        "1: 66,6 28,4 24,30 76,64 74,98 26,98 26,66 76,30 68,8",
    ),
    9: (
        "3: 80,16 50,0 16,20 26,48 60,48 80,24 82,5! 78,60 70,100",
        "3: 82,24 50,0 12,20 26,50 66,45 82,15! 84,70 60,98 14,92",  # hooked
        "2: 78,10 40,0 12,28 38,52 75,35 80,5! 80,100",
        "1: 76,18 45,0 15,25 40,50 78,26 72,10 82,50 72,88 40,100 12,86",
        "2: 80,25 50,0 15,25 50,50 80,25 | 80,0 80,100",
        "2: 84,8 40,3 12,30 40,52 78,30! 82,5! 76,100",
        "1: 70,8 36,2 16,26 40,46 72,28 74,8! 60,60 30,100",
        "1: 82,20 50,0 14,24 40,52 80,30! 86,66 74,100 34,102 10,84",
        "1: 74,4! 18,4! 18,46! 74,46! 76,2! 76,100",  # by mouse
        "1: 84,14 52,0 20,18 36,46 80,36! 84,14! 86,76 60,100 36,90",
    ),
}

# Letters and signs that no one takes for a digit. What many write like one is left out:
# O o (0), I l | / (1), Z z (2), S s (5), b (6), q g (9), comma and brackets (1).
MARKS: tuple[str, ...] = (
    "0,100 50,0! 100,100 | 20,62 80,62",  # A
    "0,100 10,40 50,0 90,40 100,100 | 8,62 92,62",
    "4,100 56,0 68,10 72,100 | 16,64 82,60",
    "20,100 56,0! 84,100 | 10,66 100,60",
    "95,12 50,0 5,30 8,75 50,100 96,88",  # C
    "90,20 62,0 10,26 10,80 60,100 92,80",
    "84,26 60,0 20,20 6,60 24,94 56,98 104,66",
    "72,12 50,0 26,20 20,70 44,100 74,88",
    "90,30 76,2 40,30 20,80 50,100 96,70",
    "12,0! 12,100! 52,96 88,70 88,30 52,4 12,0",  # D
    "18,2 14,100 | 0,2! 54,4 90,34 88,68 54,96 0,99",
    "8,0 8,100 | 0,0! 50,2 80,14 80,36 50,48! 8,48 | 50,48 90,60 90,90 50,100 0,100",  # B
    "22,0! 12,100 | 10,8 60,0 78,22 26,48! 82,60 84,88 4,100",
    "20,4! 16,100! 60,100 90,80 70,54 30,48! 70,40 84,18 60,0 18,4",
    "24,0! 24,100 | 24,2 60,4 70,24 24,46! 74,62 70,92 24,98",
    "34,0! 14,100 | 30,4 74,0 84,22 30,46! 80,60 72,92 10,98",
    "12,0! 12,100! 80,96 | 12,0 84,0 | 12,48 70,48",  # E
    "90,16 60,0 14,20 8,70 44,100 88,84! 90,54! 52,54",  # G
    "86,18 60,0 20,20 8,60 30,98 70,92 84,60! 48,58 | 84,58 82,108",
    "84,12 50,0 12,40 16,86 50,98 82,56! 40,60",
    "88,18 60,0 20,14 6,52 22,90 56,100 88,86! 88,56! 56,56",
    "86,14 56,0 18,16 6,54 26,94 62,98 92,66! 52,62",
    "84,10 46,2 12,44 18,90 56,98 84,80! 84,58! 44,60",
    "80,14 50,0 18,30 16,80 44,100 76,84 80,56! 40,56! 100,54",
    "88,0! 12,0! 12,100! 88,100 | 12,50 70,50",
    "88,10 40,4 30,34 60,46 20,60 20,90 60,100 94,84",
    "12,0 12,100 | 12,2 88,2 | 12,46 70,46",  # F
    "30,2 22,100 | 8,2! 92,0 | 26,46 78,44",
    "30,100 54,60 56,10 | 4,14 30,0 96,6 | 30,50 80,48",
    "14,0 10,100 | 86,0 90,100 | 12,50 88,48",  # H
    "16,4! 12,96 | 84,0! 80,100 | 12,44 84,44",
    "8,0! 12,90 | 70,0! 78,100 | 12,60 74,56",
    "75,0 75,70 50,100 15,92 8,70 | 40,0 100,0",  # J
    "66,0 64,74 44,100 8,86",
    "14,0 12,100 | 86,0 14,52! 90,100",  # K
    "14,0 14,50 12,100 | 84,4 16,60 40,56 88,100",
    "14,0 12,98! 86,98",  # L
    "24,0 8,76 20,100 84,88",
    "20,0! 18,98! 68,96",
    "4,100 16,0! 50,62! 84,0! 96,100",  # M
    "4,100 10,10 24,0 46,30 48,90! 54,20 74,0 92,20 96,100",
    "8,100 12,0! 84,100! 90,0",  # N
    "12,0 12,100 | 12,4 60,0 92,20 70,50 14,54",  # P
    "12,0! 12,100 | 0,14 50,0 84,18 60,50 14,52",
    "50,0 14,16 4,50 14,84 50,98 86,84 96,50 86,16 50,0 | 58,66 104,110",  # Q
    "50,0 14,16 4,50 14,84 50,98 86,84 96,50 86,16 50,0 | 40,70 66,80 100,100",
    "12,0 12,100 | 12,4 60,0 92,20 70,48 14,52! 92,100",  # R
    "16,0! 12,100 | 4,10 50,0 84,20 60,48 14,54! 60,70 96,100",
    "50,0 50,100 | 2,0 98,0",  # T
    "2,6 96,0 | 52,4 44,100",
    "0,14 20,0 100,6 | 56,4 50,70 30,100",
    "8,0 8,60 30,98 70,98 92,60 92,0",  # U
    "4,0 50,100! 96,0",  # V
    "0,0 26,100! 50,20! 74,100! 100,0",  # W
    "0,0 10,90 30,100 48,60 50,20! 54,80 72,100 92,70 98,0",
    "4,0 96,100 | 96,0 4,100",  # X
    "4,10 20,0 80,100 98,92 | 96,0 4,100",
    "4,0 50,50! 96,0 | 50,50 50,100",  # Y
    "8,0 48,54 | 88,0 50,54 40,104",
    "10,0 20,36 50,46 84,30 90,0 | 54,46 48,100",
    "76,20 40,4 8,40 20,90 56,90 78,40 80,6! 78,70 98,96",  # a
    "20,20 60,4 80,30 80,96 | 80,46 30,46 8,76 34,98 78,76",
    "80,10 44,0 8,36 16,84 46,86 80,16! 82,100",
    "84,16 52,2 12,36 12,78 44,88 84,20! 80,84 106,88",
    "16,14 50,0 78,16 78,90 98,98 | 78,44 30,50 6,76 30,98 74,78",
    "84,10 40,0 4,46 24,98 70,86 84,10! 86,92 110,96",
    "90,0 84,100 | 84,50 40,40 6,70 36,100 84,80",  # d
    "10,56 86,50 80,14 46,0 8,40 20,90 60,100 92,84",  # e
    "6,60 60,40 70,10 40,4 12,40 30,94 70,96 96,70",
    "90,10 66,0 48,20 46,100 | 14,42 84,42",  # f
    "84,12 64,0 46,30 36,110 | 16,48 78,44",
    "12,0 12,100 | 12,66 40,44 76,46 82,70 82,100",  # h
    "26,0 14,100! 24,62 54,46 68,64 64,100",
    "40,30 40,90 60,98 | 40,0 42,4",  # i
    "50,34 50,100 | 50,0 50,6",
    "58,36 42,100 | 66,0 65,5",
    "50,36 44,88 54,100 72,88 | 54,0 55,6",
    "56,30 56,104 40,120 14,112 | 56,0 58,4",  # j
    "54,32 48,130 | 56,0 56,6",
    "14,0 14,100 | 80,38 16,70! 84,100",  # k
    "20,100 10,60 40,0 44,20 16,70! 50,44 70,54 40,70! 84,100",
    "10,0! 12,100 | 12,70 56,40 70,52 30,68! 80,98",
    "4,100 4,20! 24,6 44,20 46,100! 50,20 74,4 92,20 94,100",  # m
    "8,100 8,10! 40,0 80,10 90,40 90,100",  # n
    "14,10 14,130 | 14,30 50,6 88,30 70,70 16,66",  # p
    "12,100 14,6! 30,20 60,2 90,8",  # r
    "10,0! 14,98 | 14,40 40,10 80,8",
    "46,0 42,80 60,100 84,90 | 8,30 86,28",  # t
    "50,0 50,100 | 8,34 92,34",
    "6,0 8,70 30,98 70,80 86,0! 86,70 98,98",  # u
    "8,0 10,60 30,98 64,92 84,60 84,0! 84,70 100,98",
    "8,0! 8,64 28,96 64,90 84,56 | 84,0 84,98",
    "0,10 6,70 40,96 80,70 86,0! 88,80 110,92",
    "2,0 40,96 50,96 96,0",  # v
    "0,0 24,92 48,30 72,94 100,0",  # w
    "2,4 30,10 70,94 98,96 | 98,0 4,100",  # x
    "4,10 24,0 50,40 76,100 96,90 | 90,0 50,46 8,100",
    "8,0 30,50 60,50! 92,0 | 88,6 50,90 0,110 -14,84",  # y
    "8,0 12,40 36,52 70,40 76,0! 74,70 54,112 12,104",
    "6,0 46,56 | 90,0 46,58 8,112",
    "8,0 12,46 40,56 74,40 | 80,0 74,60 50,100 8,98",
    "4,6 20,0 26,44 60,50 84,0! 76,70 44,108 20,84 60,66 100,54",
    "8,0 14,44 44,52 78,30 82,0! 80,80 56,112 20,104 14,90",
    "10,0 30,0 90,100 | 52,40 4,100",  # lambda
    "10,0 6,130 | 10,50 30,76 70,60 80,0! 80,70 98,70",  # mu
    "4,20 30,0 96,4 | 30,4 20,100 | 70,4 70,90 90,98",  # pi
    "90,0! 10,0! 60,50! 8,100! 94,100",  # sigma
    "0,100 30,98 10,60 14,20 50,0 86,20 90,60 70,98 100,100",  # omega
    "50,0! 0,100! 100,100! 50,0",  # delta
    "84,10 30,0 10,20 40,44 60,46 | 40,46 4,72 30,100 90,90",  # epsilon
    "0,50 100,50",  # minus
    "0,56 40,52 100,48",
    "0,50 100,50 | 50,0 50,100",  # plus
    "0,30 100,30 | 0,70 100,70",  # equals
    "0,60 25,30 70,66 100,36",  # tilde
    "0,60 30,100! 100,0",  # tick
    "0,70 24,100! 90,-20",
    "100,0 0,50! 100,100",  # less
    "0,50 100,50 | 70,20 100,50! 70,80",  # arrow
    "50,0 50,100 | 20,70 50,100! 80,70",
    "100,50 0,50 | 30,20 0,50! 30,80",
    "50,100 50,0 | 20,30 50,0! 80,30",
    "30,0 20,100 | 80,0 70,100 | 0,32 100,32 | 0,68 96,68",  # number sign
    "96,40 70,20 36,40 40,70 70,70 76,30! 80,74 100,60 90,10 40,0 4,40 20,90 70,100",  # at
    "50,0 50,100 | 6,24 94,76 | 94,24 6,76",  # asterisk
    "10,20 40,0 80,14 70,40 48,56 48,72 | 48,96 50,98",  # question mark
    "84,14 50,4 20,20 40,44 74,58 80,84 40,98 10,84 | 50,-10 50,112",  # dollar
    "90,10 50,0 16,50 50,100 92,90 | 0,40 70,40 | 0,60 66,60",  # euro
    "0,0! 100,0! 100,100! 0,100! 0,0",  # box
    "0,0! 100,0! 100,100! 0,100! 0,0 | 0,0 100,100",
    "0,0! 100,0! 100,100! 0,100! 0,0 | 10,50 40,90! 110,-10",
    "0,0 60,0 60,120 | 0,60 60,60 | 0,0 0,120",
    "0,100! 50,0! 100,100! 0,100",  # triangle
    "50,0! 80,100! 0,36! 100,36! 20,100! 50,0",  # star
    "50,30 30,0 0,20 20,60 50,100 80,60 100,20 70,0 50,30",  # heart
    "0,50 40,50 50,10 60,90 70,50 110,50",  # heartbeat
    "0,40 20,0 40,40 60,0 80,40 100,0",  # zigzag and waves
    "0,40 15,0 30,60 45,0 60,60 75,0 90,60",
    "0,50 20,10 40,20 30,70 20,50 50,10 66,30 56,74 46,50 80,10 96,60",
    "50,50 60,40 64,56 46,66 32,48 50,24 80,40 78,78 40,90 8,60 30,6 80,0",  # spiral
    "10,0 90,0 | 50,0 50,96 | 0,48 100,48 | 0,98 100,98",  # CJK-like
    "50,0 50,100 | 0,26 100,26 | 46,30 4,90 | 54,30 96,90",
    "50,0 46,40 4,100 | 48,36 96,100 | 6,34 94,34",
    "10,10 90,10! 90,96! 10,96! 10,10 | 10,52 90,52 | 50,10 50,96",
    "20,0 10,30 | 10,20 90,20 | 50,20 40,60 0,100 | 30,54 60,70 96,100",
    "0,20 100,20 | 24,20 20,70 0,100 | 70,20 70,96! 90,96 98,80",
    "10,20 20,30 | 4,52 14,62 | 6,100 24,72 | 40,10 96,10 | 66,10 66,96 | 40,52 92,52 | 34,96 100,96",
    "50,0 50,24 | 4,40 4,24! 96,24! 92,42 | 20,54 80,54 | 50,54 50,98 | 0,98 100,98",
    "0,30 96,30 84,90 66,80 | 40,0 34,60 0,100",
    "20,0 24,90 60,100 96,70 | 0,30 100,26",
)


@dataclass(frozen=True, eq=False)
class WithMarks(Digits):
    """Digits among marks that are none: labels 0..9, and 10 for what is no digit."""

    def __post_init__(self) -> None:
        """Let the eleventh label pass: these are made here, not read from a stranger's file."""


def mixed(
    written: Digits, generator: np.random.Generator, *, times: int = 1, drawn: float, others: float
) -> WithMarks:
    """Give the digits of a set, and after them digits that we draw and marks that are no digit.

    Args:
        written: real digits; some of the marks are made of them.
        generator: draws everything.
        times: how often each written digit stands in the set: all that is drawn differs, so there is more of it.
        drawn: how many digits to draw for each that stands there.
        others: how many marks, likewise.
    """
    count = times * len(written)
    images, labels = digits(round(drawn * count), generator)
    other = marks(round(others * count), generator, written.images, written.labels)
    return WithMarks(
        np.concatenate([*[written.images] * times, images, other]),
        np.concatenate([*[written.labels] * times, labels, np.full(len(other), NOT_A_DIGIT, np.uint8)]),
        f"{written.name}, {len(images):,} drawn, {len(other):,} marks",
    )


def digits(count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw digits, as many of each.

    Returns:
        images uint8 (count, 28, 28), 0 paper and 255 ink, and labels uint8 (count,), 0..9 in turn.
    """
    ways = {digit: [way.split(":") for way in lines] for digit, lines in DIGITS.items()}
    odds = {digit: np.array([float(weight) for weight, _ in pairs]) for digit, pairs in ways.items()}
    labels = (np.arange(count) % 10).astype(np.uint8)
    images = np.empty((count, SIDE, SIDE), np.uint8)
    for i, digit in enumerate(labels.tolist()):
        chosen = generator.choice(len(ways[digit]), p=odds[digit] / odds[digit].sum())
        images[i] = draw(ways[digit][chosen][1], generator)
    return images, labels


def draw(skeleton: str, generator: np.random.Generator, squeeze: float = 1.0, pen: float = PEN) -> np.ndarray:
    """Draw one skeleton as a hand would and bring it into MNIST's box.

    Args:
        skeleton: strokes in this module's notation.
        generator: draws all that varies.
        squeeze: how far its width may depart from the skeleton's; 1 as people write digits.
        pen: the middle of the pens' widths, in hundredths of the larger side.

    Returns:
        uint8 (28, 28).
    """
    strokes = moved([curve(stroke) for stroke in skeleton.split("|")], generator, squeeze)
    return boxed(inked(strokes, generator, pen), generator)


def curve(stroke: str, steps: int = 10) -> np.ndarray:
    """Give a stroke's points (P, 2) along a Catmull-Rom spline that breaks at corners."""
    words = stroke.split()
    points = np.array([[float(v) for v in word.rstrip("!").split(",")] for word in words]) / 100
    ends = [0, *(i for i, word in enumerate(words) if word.endswith("!")), len(words) - 1]
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for start, end in itertools.pairwise(ends):
        if end == start:
            continue
        p = points[start : end + 1]
        p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
            pieces.append(
                0.5
                * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
            )
    return np.concatenate([*pieces, points[-1:]])


def moved(strokes: list[np.ndarray], generator: np.random.Generator, squeeze: float) -> list[np.ndarray]:
    """Give the strokes as another hand would place them: bent, slanted, squeezed, trembling, angular."""
    g = generator
    # A smooth field over the box moves what lies together together: a few random waves.
    bend = g.uniform(0.0, 0.055)
    waves = [(g.normal(0, 1, 2) * g.uniform(1, 5), g.uniform(0, 6.3), g.normal(0, bend, 2)) for _ in range(5)]
    aspect = np.exp(
        g.normal(-0.25, 0.28) * squeeze
    )  # width against height; most write narrower than the square
    slant = g.normal(0.05, 0.16)
    turn = np.deg2rad(g.normal(0, 7) if g.random() < 0.85 else g.uniform(-22, 22))
    shape = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.array(
        [[aspect, -slant], [0, 1]]
    )
    tremble = abs(g.normal(0, 0.006)) if g.random() < 0.6 else g.uniform(0.005, 0.022)
    angular = g.random() < 0.12
    loose = g.uniform(0, 0.045)  # each stroke by itself: joints that miss
    out = []
    for p in strokes:
        shift = sum(np.sin(p @ k + phase)[:, None] * a for k, phase, a in waves)
        p = p + shift + g.normal(0, loose, 2)
        if len(p) > 8:
            noise = cv2.GaussianBlur(g.normal(0, 1, (len(p), 2)), (1, 7), 1.5)
            p = p + noise * tremble * 2
        if angular:
            keep = np.unique(np.append(np.arange(0, len(p), int(g.integers(5, 12))), len(p) - 1))
            p = p[keep]
        if len(p) > 20 and g.random() < 0.12:  # the pen touches late or leaves early
            cut = int(len(p) * g.uniform(0.02, 0.1))
            p = p[cut:] if g.random() < 0.5 else p[: -cut or None]
        out.append((p - 0.5) @ shape.T)
    return out


def inked(strokes: list[np.ndarray], generator: np.random.Generator, pen: float = PEN) -> np.ndarray:
    """Give the strokes in ink on a canvas just large enough: uint8, a hundred pixels for the larger side."""
    g = generator
    everything = np.concatenate(strokes)
    low, size = everything.min(0), float(np.ptp(everything, axis=0).max())
    scale = 100 / max(size, 1e-3)
    pen = float(np.clip(pen * np.exp(g.normal(0, 0.5)), 2.5, 30))  # of 20 pixels: half a one to six
    narrow = float(np.ptp(everything, axis=0).min()) * scale
    if narrow > 25:  # no pen so broad that it fills what it goes around; a bare 1 has nothing to fill
        pen = min(pen, 0.3 * narrow)
    pressure = g.uniform(0, 0.45) if g.random() < 0.5 else 0.0
    nib = g.uniform(0, np.pi) if g.random() < 0.15 else None  # a broad nib: width by direction
    margin = int(pen) + 6
    width, height = (int(v) for v in np.ceil(np.ptp(everything, axis=0) * scale) + 2 * margin)
    canvas = np.zeros((height, width), np.uint8)
    for stroke in strokes:
        p = (stroke - low) * scale + margin
        if pressure == 0 and nib is None:
            cv2.polylines(
                canvas, [np.round(p * 16).astype(np.int32)], False, 255, max(1, round(pen)), cv2.LINE_AA, 4
            )
            continue
        phase, beat = g.uniform(0, 6.3), g.uniform(2, 8)
        weights = 1 + pressure * np.sin(phase + beat * np.linspace(0, 1, len(p)))
        for a, b, weight in zip(p, p[1:], weights.tolist(), strict=False):
            if nib is not None:
                weight *= 0.45 + 0.9 * abs(np.sin(np.arctan2(*(b - a)[::-1]) - nib))
            start, end = (np.round(q * 16).astype(int).tolist() for q in (a, b))
            cv2.line(canvas, start, end, 255, max(1, round(pen * weight)), cv2.LINE_AA, 4)
    return canvas


def boxed(canvas: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Bring ink of any size into a box of about 20 by 20 with its centre of mass in the middle of 28 by 28."""
    ys, xs = np.flatnonzero(canvas.max(1) > 24), np.flatnonzero(canvas.max(0) > 24)
    if len(ys) == 0:
        return np.zeros((SIDE, SIDE), np.uint8)
    crop = canvas[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
    scale = (BOX + float(np.clip(generator.normal(0, 0.4), -1, 1))) / max(crop.shape)
    if generator.random() < 0.5:  # half of all softer, as a resized photo is
        crop = cv2.GaussianBlur(crop, (0, 0), generator.uniform(0.2, 0.7) / scale)
    moments = cv2.moments(crop)
    centre = np.array([moments["m10"], moments["m01"]]) / max(moments["m00"], 1)
    small = cv2.resize(
        crop, [max(1, round(side * scale)) for side in crop.shape[::-1]], interpolation=cv2.INTER_AREA
    )
    at = (SIDE - 1) / 2 - (centre + 0.5) * scale + 0.5
    move = np.array([[1, 0, at[0]], [0, 1, at[1]]], np.float32)
    return cv2.warpAffine(small, move, (SIDE, SIDE), flags=cv2.INTER_LINEAR)


def marks(count: int, generator: np.random.Generator, written: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Draw what is no digit: letters, signs, scribbles, shapes, textures, blanks, pairs and turned digits.

    Args:
        count: how many.
        generator: draws all that varies.
        written: uint8 (N, 28, 28), real digits to be joined and turned.
        labels: uint8 (N,), theirs.

    Returns:
        uint8 (count, 28, 28).
    """
    g = generator
    kinds: list[tuple[float, Callable[[], np.ndarray]]] = [
        (13, lambda: draw(MARKS[g.integers(len(MARKS))], g, 0.6)),
        (2.5, lambda: typed(g)),
        (14, lambda: scribble(g)),
        (1, lambda: lines(g)),
        (3, lambda: silhouette(g)),
        (1, lambda: blob(g)),
        (1.5, lambda: texture(g)),
        (1.5, lambda: nearly_blank(g)),
        (2.5, lambda: pair(g, written)),
        (1.5, lambda: turned(g, written, labels)),
    ]
    odds = np.array([weight for weight, _ in kinds])
    chosen = generator.choice(len(kinds), count, p=odds / odds.sum())
    return np.stack([kinds[kind][1]() for kind in chosen]) if count else np.empty((0, SIDE, SIDE), np.uint8)


def typed(g: np.random.Generator) -> np.ndarray:
    """A letter or sign in one of OpenCV's stroke fonts, slanted."""
    letters = "ABCEFGHJKLMNPQRTUVWXYadefhkmnprtuvwxy+=%&#@*<>?$"
    canvas = np.zeros((160, 200), np.uint8)
    font = int(g.integers(0, 8)) | (cv2.FONT_ITALIC if g.random() < 0.3 else 0)
    text = "".join(g.choice(list(letters), 1 if g.random() < 0.8 else 2))
    cv2.putText(canvas, text, (30, 110), font, 2.6, 255, int(g.integers(3, 18)), cv2.LINE_AA)
    slant = g.normal(0, 0.15)
    move = np.array(
        [[np.exp(g.normal(-0.2, 0.25)), -slant, 100 * slant], [g.normal(0, 0.08), 1, 0]], np.float32
    )
    return boxed(cv2.warpAffine(canvas, move, (260, 160)), g)


def scribble(g: np.random.Generator) -> np.ndarray:
    """A pen that wanders: from place to place, angular or in curves, or to and fro as who crosses out."""
    kind = g.random()
    if kind < 0.2:
        n = int(g.integers(10, 24))
        x, y = np.linspace(0, 100, n), np.where(np.arange(n) % 2, 0, g.uniform(40, 100))
        points = np.stack([x, y], 1) + g.normal(0, 6, (n, 2))
        turn = g.uniform(0, np.pi)
        points = points @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    else:  # fewer places than these may be a digit by chance, in curves sooner than in corners
        fewest = 8 if kind < 0.75 else 11
        count = fewest + int((31 - fewest) * g.random() ** 2)  # more of the few, which look more like digits
        points = g.uniform(0, 100, (count, 2))
    mark = "!" if kind < 0.75 else ""
    pen = 4 if g.random() < 0.5 else PEN  # a fine one leaves more of the way to be seen
    return draw(" ".join(f"{x:.1f},{y:.1f}{mark}" for x, y in points), g, 0.3, pen)


def lines(g: np.random.Generator) -> np.ndarray:
    """Three to seven straight or bent strokes anyhow, or one that lies flat."""
    if g.random() < 0.3:
        tilt = g.uniform(-0.25, 0.25)  # radians: well away from the upright 1
        ends = np.array([[-1, 0], [1, 0]]) @ np.array(
            [[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]]
        )
        strokes = [ends * 50 + 50]
    else:
        strokes = [g.uniform(0, 100, (int(g.integers(2, 4)), 2)) for _ in range(int(g.integers(3, 8)))]
    return draw(" | ".join(" ".join(f"{x:.1f},{y:.1f}" for x, y in stroke) for stroke in strokes), g)


def silhouette(g: np.random.Generator) -> np.ndarray:
    """A filled thing: a profile mirrored or not, limbs, holes, stripes and shading, to the frame or the box."""
    side = 84
    canvas = np.zeros((side, side), np.float32)
    for _ in range(int(g.integers(1, 4))):
        kind = g.integers(4)
        if kind == 0:  # mirrored profile
            n = int(g.integers(3, 9))
            y = np.linspace(g.uniform(0, 15), g.uniform(55, side), n)
            half = g.uniform(9, 40, n)
            shape = np.concatenate([np.stack([42 + half, y], 1), np.stack([42 - half, y], 1)[::-1]])
        elif kind == 1:  # any polygon
            angle = np.sort(g.uniform(0, 6.28, int(g.integers(4, 12))))
            radius = g.uniform(15, 45, len(angle))
            shape = 42 + np.stack([np.cos(angle) * radius, np.sin(angle) * radius], 1)
        elif kind == 2:  # a slab, lying or leaning
            w, h, turn = g.uniform(25, 40), g.uniform(10, 36), g.normal(0, 0.4)
            corners = np.array([[-w, -h], [w, -h], [w, h], [-w, h]])
            shape = corners @ np.array(
                [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
            ) + g.uniform(34, 50, 2)
        else:  # two legs or sleeves
            top, spread, w = g.uniform(0, 20), g.uniform(6, 22), g.uniform(8, 16)
            shape = np.array(
                [[42 - w - 4, top], [42 + w + 4, top], [42 + w + spread, 82], [42 + spread - w / 3, 82], [42, top + 25],
                 [42 - spread + w / 3, 82], [42 - w - spread, 82]]
            )  # fmt: skip
            if g.random() < 0.3:
                shape = shape[:, ::-1]
        layer = np.zeros_like(canvas)
        cv2.fillPoly(
            layer, [np.round(shape * 16).astype(np.int32)], float(g.uniform(0.35, 1)), cv2.LINE_AA, 4
        )
        canvas = np.maximum(canvas, layer) if g.random() < 0.8 else np.abs(canvas - layer)
    filled = canvas > 0
    if g.random() < 0.7:  # cloth: stripes, shading, grain
        y, x = np.mgrid[0:side, 0:side] / side
        turn, beat = g.choice([0, np.pi / 2, g.uniform(0, np.pi)]), g.uniform(3, 40)
        canvas *= 1 - g.uniform(0, 0.6) * (0.5 + 0.5 * np.sin(beat * (x * np.cos(turn) + y * np.sin(turn))))
        canvas *= 1 - g.uniform(0, 0.5) * (x if g.random() < 0.5 else y)
        grain = cv2.resize(g.normal(0, 1, (28, 28)).astype(np.float32), (side, side))
        canvas += filled * grain * g.uniform(0, 0.2)
    canvas = (np.clip(canvas, 0, 1) * 255).astype(np.uint8)
    if g.random() < 0.3:
        return boxed(canvas, g)
    return cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def blob(g: np.random.Generator) -> np.ndarray:
    """A blot or dot: round or ragged, never much longer than wide, full size or a small one off the middle."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ragged = g.uniform(0, 0.25) if g.random() < 0.7 else 0.0
    waves = [np.sin(k * angle + g.uniform(0, 6.3)) / k for k in range(1, 6)]
    radius = 1 + ragged * np.sum(waves, axis=0)
    size = np.array([1.0, g.uniform(0.6, 1.0)])[:: g.choice([-1, 1])] * (
        42 if g.random() < 0.6 else g.uniform(3, 30)
    )
    shape = 50 + np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None] * size
    canvas = np.zeros((100, 100), np.uint8)
    cv2.fillPoly(canvas, [np.round(shape * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    if size.max() == 42:
        return boxed(canvas, g)
    move = np.array([[0.28, 0, g.uniform(-8, 8)], [0, 0.28, g.uniform(-8, 8)]], np.float32)
    return cv2.warpAffine(canvas, move, (SIDE, SIDE), flags=cv2.INTER_AREA)


def texture(g: np.random.Generator) -> np.ndarray:
    """Noise of any coarseness, gradients, gratings, specks: what a picture of something else may leave."""
    kind = g.integers(5)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    if kind == 0:  # noise of every scale, as in photos
        image = np.zeros((SIDE, SIDE))
        for n in (2, 4, 7, 14, 28):
            layer = cv2.resize(g.normal(0, 1, (n, n)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
            image += layer * n ** -g.uniform(0, 1.2)
        image = (image - image.min()) / np.ptp(image)
        if g.random() < 0.4:
            image = np.clip((image - g.uniform(0.3, 0.7)) * g.uniform(2, 12) + 0.5, 0, 1)
    elif kind == 1:  # independent pixels
        image = np.clip(g.normal(g.uniform(0, 1), g.uniform(0.1, 0.6), (SIDE, SIDE)), 0, 1)
    elif kind == 2:  # a gradient
        turn = g.uniform(0, 6.3)
        image = np.clip(
            0.5 + (x * np.cos(turn) + y * np.sin(turn) - g.uniform(-0.5, 0.9)) * g.uniform(0.5, 5), 0, 1
        )
    elif kind == 3:  # a grating or squared paper
        beat, turn = g.uniform(8, 60), g.uniform(0, 3.2)
        image = 0.5 + 0.5 * np.sin(beat * (x * np.cos(turn) + y * np.sin(turn)))
        if g.random() < 0.5:
            image = np.maximum(image, 0.5 + 0.5 * np.sin(beat * (-x * np.sin(turn) + y * np.cos(turn))))
        image = np.clip((image - 0.5) * g.uniform(1, 5) + g.uniform(0.2, 0.6), 0, 1)
    else:  # specks
        image = (g.random((SIDE, SIDE)) < g.uniform(0.02, 0.5)).astype(float)
        if g.random() < 0.5:
            image = np.clip(cv2.GaussianBlur(image, (0, 0), g.uniform(0.4, 1.2)) * g.uniform(1, 3), 0, 1)
    return np.round(image * g.uniform(0.3, 1) * 255).astype(np.uint8)


def nearly_blank(g: np.random.Generator) -> np.ndarray:
    """Paper with nothing on it: blank, an even tone, faint noise, a speck or two, an edge."""
    image = np.zeros((SIDE, SIDE))
    if g.random() < 0.4:
        image += g.uniform(0, 255)
    if g.random() < 0.5:
        image += g.normal(0, g.uniform(0, 20), image.shape)
    if g.random() < 0.5:
        for _ in range(int(g.integers(1, 6))):
            at = tuple(int(v) for v in g.integers(0, SIDE, 2))
            cv2.circle(image, at, int(g.integers(0, 3)), float(g.uniform(60, 255)), -1)
    if g.random() < 0.25:  # the paper's edge or a shadow's
        depth = int(g.integers(1, 7))
        image[:depth] = g.uniform(40, 255)
        image = np.rot90(image, int(g.integers(4))).copy()
    return np.clip(image, 0, 255).astype(np.uint8)


def cropped(image: np.ndarray) -> np.ndarray:
    """Give the part of an image that has ink."""
    ys, xs = np.flatnonzero(image.max(1) > 40), np.flatnonzero(image.max(0) > 40)
    return image[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1] if len(ys) else image


def pair(g: np.random.Generator, written: np.ndarray) -> np.ndarray:
    """Two or three digits side by side or one above the other, touching or not."""
    row = [cropped(written[g.integers(len(written))]) for _ in range(2 if g.random() < 0.8 else 3)]
    upright = g.random() < 0.12
    if upright:
        row = [image.T for image in row]
    gap = int(g.integers(-4, 7))
    canvas = np.zeros((40, sum(image.shape[1] + abs(gap) for image in row) + 12), np.uint8)
    x = 4
    for image in row:
        y = int(np.clip(20 - image.shape[0] // 2 + g.integers(-4, 5), 0, 40 - image.shape[0]))
        there = canvas[y : y + image.shape[0], x : x + image.shape[1]]
        np.maximum(there, image, out=there)
        x = max(x + image.shape[1] + gap, x + 4)
    return boxed(canvas.T if upright else canvas, g)


def turned(g: np.random.Generator, written: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A digit on its side or mirrored: only those that are then no other digit."""
    mirrored = g.random() < 0.5
    allowed = [3, 4, 7, 9] if mirrored else [2, 3, 4, 5, 7, 9]
    while True:
        i = g.integers(len(written))
        if labels[i] in allowed:
            break
    if mirrored:
        return written[i, :, ::-1].copy()
    return np.rot90(written[i], 1 if g.random() < 0.5 else 3).copy()
