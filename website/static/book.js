// What scrolls sideways can be reached with the Tab key.
const reach = () => document.querySelectorAll("pre, table, .cell_output, .equation, .table-wrapper").forEach((each) => {
  if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
});
addEventListener("load", reach);
addEventListener("resize", reach);
