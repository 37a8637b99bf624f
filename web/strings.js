/* Every text that a script shows, so that a translation is a file. {name} is filled in by `say`. */

export const strings = {
  theme: { toLight: "Light", toDark: "Dark" },
  search: {
    none: "Nothing found. Try another word.",
    found: "{count} places",
    one: "1 place",
    failed: "The search index could not be loaded. Check the connection and try again.",
  },
  predictions: {
    chosen: "chosen",
    noted: "Noted: {guess}. Read on to see.",
    none: "No prediction. Read on.",
    right: "✓ You said {guess}. It is {answer}.",
    wrong: "You said {guess}. It is {answer}.",
    answer: "It is {answer}.",
    choose: "Choose one of the letters {letters}.",
    number: "Write a number below 1e300: 3, 0.5, 50% or 1/2.",
    cover: "Predict first: the answer is here once you have chosen, or said that you have no guess.",
    closed: "Predict first",
    table: "{hits} of {count} as you predicted. The others are worth a second look.",
    all: "All {count} as you predicted.",
    empty: "No predictions yet.",
    you: "you",
    was: "it was",
    noGuess: "no guess",
    forget: "Forget my predictions in this chapter",
  },
  quiz: {
    chosen: "chosen",
    right: "✓ right",
    wrong: "✗ not it",
    isRight: "✓ {letter} is right.",
    isWrong: "✗ {letter} is not it.",
    score: "{right} of {count} right. First answers right: {first} of {count}.",
    forget: "Start again",
  },
};

/* say("{count} places", { count: 3 }) -> "3 places" */
export function say(text, values = {}) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
