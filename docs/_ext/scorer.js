// How much each result of a search is worth: those of Sphinx, but with history and reasons last.
var Scorer = {
  score: ([page, title, anchor, description, score]) =>
    /^(changelog|contributing|decisions\/)/.test(page) ? score - 100 : score,
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
