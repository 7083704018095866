// Runs before the page is drawn: the sides, colour and placeholder of a picture as properties of CSS.
// A strict policy forbids attributes with styles, but not this. Without it, a tile has a usual shape.
{
  const root = document.documentElement;
  root.className = "js";

  const dress = (element) => {
    const { w, h, tone, placeholder } = element.dataset;
    if (w && h) {
      element.style.setProperty("--w", w);
      element.style.setProperty("--h", h);
    }
    if (tone) element.style.setProperty("--tone", tone);
    if (placeholder) element.style.setProperty("--placeholder", `url("${placeholder}")`);
  };

  const WANTED = "[data-w], [data-tone], [data-placeholder]";
  new MutationObserver((changes) => {
    for (const node of changes.flatMap((change) => [...change.addedNodes])) {
      if (node.nodeType !== Node.ELEMENT_NODE) continue;
      if (node.matches(WANTED)) dress(node);
      node.querySelectorAll(WANTED).forEach(dress);
    }
  }).observe(root, { childList: true, subtree: true });
}
