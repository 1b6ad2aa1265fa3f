/** Code pages by number, as programs of their makers name them (`cp932`, `ms936`), where `TextDecoder` knows another name. */
const CODE_PAGES: Readonly<Record<string, string>> = {
  '874': 'windows-874',
  '932': 'shift_jis',
  '936': 'gbk',
  '949': 'euc-kr',
  '950': 'big5',
  '51932': 'euc-jp',
  '50220': 'iso-2022-jp',
  '50221': 'iso-2022-jp',
  '50222': 'iso-2022-jp',
};

/** What `TextDecoder` calls an encoding; `undefined` for one it does not know. */
export function labelOf(name: string): string | undefined {
  const given = name.trim();
  const plain = given.toLowerCase().replace(/^(?:x-|cs)/, '');
  const page = /^(?:cp|ms|ibm|windows)-?(\d+)$/.exec(plain)?.[1] ?? '';
  const spellings = [given, plain, plain.replaceAll(/[\s._]/g, '-'), plain.replaceAll(/[\s._-]/g, '')];
  return spellings.map(known).find((label) => label !== undefined) ?? CODE_PAGES[page];
}

function known(name: string): string | undefined {
  try {
    return new TextDecoder(name).encoding;
  } catch {
    return undefined;
  }
}
