/** Outside brackets JavaScript lets only these stand behind a backslash for themselves. */
const SYNTAX = '^$\\.*+?()[]{}|/';
/** White space as Python has it (`str.isspace`, `\\s`), which is not quite JavaScript's: what stands within brackets. */
export const PYTHON_SPACE =
  '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

/** Classes that mean more in Python, where they are Unicode's. */
const CLASSES: Readonly<Record<string, string>> = {
  d: '\\p{Nd}',
  w: '\\p{L}\\p{N}_',
  s: PYTHON_SPACE,
};

/**
 * The source of a JavaScript pattern (flag `u`) that matches what a pattern of Python's `re` does. Knows the syntax
 * of spaCy's rules: classes, groups, looking around, repetition; not names, flags within, or references.
 */
export function fromPython(pattern: string): string {
  const source = pattern.replace(/^\(\?u\)/, '');
  let result = '';
  let inClass = false;
  for (let at = 0; at < source.length; at += 1) {
    const character = source.charAt(at);
    if (character !== '\\') {
      if (character === '[' && inClass) result += '\\[';
      else result += character;
      if (character === '[') inClass = true;
      else if (character === ']') inClass = false;
      continue;
    }
    at += 1;
    const next = source.charAt(at);
    if (next === 'U') {
      result += `\\u{${source.slice(at + 1, at + 9).replace(/^0+(?=.)/, '')}}`;
      at += 8;
    } else if (next === 'u') {
      result += `\\u${source.slice(at + 1, at + 5)}`;
      at += 4;
    } else if (/[dwsDWS]/.test(next)) {
      result += classOf(next, inClass);
    } else if (SYNTAX.includes(next) || (inClass && next === '-') || /[a-zA-Z0-9]/.test(next)) {
      result += `\\${next}`;
    } else {
      result += next;
    }
  }
  return result;
}

function classOf(name: string, inClass: boolean): string {
  const members = CLASSES[name.toLowerCase()] ?? '';
  const negated = name === name.toUpperCase();
  if (!inClass) return negated ? `[^${members}]` : `[${members}]`;
  if (negated) throw new SyntaxError(`\\${name} within brackets`);
  return members;
}
