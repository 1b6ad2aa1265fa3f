/** Longer words have no shape of their own. */
const LONGEST = 100;
/** How often one sign of a shape is repeated at most. */
const MOST_REPEATED = 4;

const LETTER = /^\p{L}$/u;
const UPPER = /^\p{Uppercase}$/u;
/** Digits of Unicode: decimal ones, and those in circles, brackets and above the line. */
const DIGIT =
  /^[\p{Nd}\u00b2\u00b3\u00b9\u1369-\u1371\u19da\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490\u24ea\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792\u{10a40}-\u{10a43}\u{10e60}-\u{10e68}\u{11052}-\u{1105a}\u{1f100}-\u{1f10a}]$/u;

/** What a word looks like: `Apple` is `Xxxxx`, `2021` is `dddd`, `U.S.` stays `X.X.`. */
export function wordShape(characters: readonly string[]): string {
  if (characters.length >= LONGEST) return 'LONG';
  let shape = '';
  let last = '';
  let repeated = 0;
  for (const character of characters) {
    const sign = signOf(character);
    repeated = sign === last ? repeated + 1 : 1;
    last = sign;
    if (repeated <= MOST_REPEATED) shape += sign;
  }
  return shape;
}

function signOf(character: string): string {
  if (LETTER.test(character)) return UPPER.test(character) ? 'X' : 'x';
  return DIGIT.test(character) ? 'd' : character;
}
