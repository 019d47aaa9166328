// Colours for labels that the style sheet does not name: a model may have labels of its own.

const NAMED = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt"];

let sheet = null;

/** Gives each label a colour, under `[data-series]` and as the property `--<label>`: unnamed ones take those left over. */
export function colourLabels(labels) {
  const free = NAMED.filter((name) => !labels.includes(name));
  const palette = free.length > 0 ? free : NAMED;
  const root = getComputedStyle(document.documentElement);
  const rules = labels.filter((label) => !NAMED.includes(label)).flatMap((label, number) => {
    const colour = `var(--${palette[number % palette.length]})`;
    const own = root.getPropertyValue(`--${label}`) === "" ? [`:root { --${CSS.escape(label)}: ${colour}; }`] : [];
    return [`[data-series="${CSS.escape(label)}"] { --series: ${colour}; }`, ...own];
  });
  if (sheet === null) {
    sheet = new CSSStyleSheet();
    document.adoptedStyleSheets.push(sheet);
  }
  sheet.replaceSync(rules.join("\n"));
}
