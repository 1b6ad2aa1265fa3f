import { expect, it } from 'vitest';
import { documentsPlugin, parse } from '../src/index.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The bytes of a text in an encoding of one byte a character. */
function encoded(label: string, text: string): Uint8Array {
  const decoder = new TextDecoder(label);
  const bytes = new Map<string, number>();
  for (let byte = 0; byte < 256; byte += 1) bytes.set(decoder.decode(Uint8Array.of(byte)), byte);
  return Uint8Array.from(text, (character) => bytes.get(character) ?? 0x3f);
}

it.each([
  ['koi8-r', 'Москва: столица России. Здесь живут люди.'],
  ['windows-1251', 'Привет, мир! Как дела?'],
  ['windows-1251', 'Ул. Ленина'],
  ['windows-1252', 'Müller fährt über die Brücke'],
  ['windows-1252', 'Le café est fermé'],
  ['windows-1252', 'naïve'],
  ['windows-1252', '“Quoted” – it’s €5'],
  ['windows-1252', 'El niño comió piñas. ¿Qué?'],
  ['windows-1252', 'Übung'],
  ['windows-1250', 'Příliš žluťoučký kůň úpěl ďábelské ódy'],
  ['windows-1253', 'Καλημέρα κόσμε'],
  ['windows-1255', 'שלום עולם'],
])('a few words in %s: %s', async (label, text) => {
  expect((await parse({ filename: 'a.txt', data: encoded(label, text) })).text).toBe(text);
});

it.each([
  ['windows-1254', 'Türkçe ışık çığ'],
  ['iso-8859-2', 'Zażółć gęślą jaźń'],
])('what cannot be guessed from a few words in %s is said: %s', async (encoding, text) => {
  const data = encoded(encoding, text);
  expect((await parse({ filename: 'a.txt', data }, { encoding })).text).toBe(text);
  const parser = await documentsPlugin({ encoding }).documentParsers['csv']?.();
  expect((await parser?.parse({ filename: 'a.csv', data }))?.text).toBe(text);
  expect((await parse({ filename: 'a.txt', data: utf8(text) }, { encoding })).text).toBe(text);
});

it('bytes that are no text are refused', async () => {
  const data = Uint8Array.from({ length: 3000 }, (_, at) => (at * 7) % 256);
  await expect(parse({ filename: 'a.txt', data })).rejects.toMatchObject({
    code: 'MV018',
    details: { reason: 'not_a_document' },
  });
});

it('UTF-32 and the Japanese of mail are read', async () => {
  const text = 'Zoë 東京';
  const utf32 = Buffer.concat(
    [0xfeff, ...Array.from(text, (character) => character.codePointAt(0) ?? 0)].map((point) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(point);
      return bytes;
    }),
  );
  expect((await parse({ filename: 'a.txt', data: utf32 })).text).toBe(text);
  const shifted = Buffer.from('\x1b$BEl5~\x1b(B', 'latin1');
  expect((await parse({ filename: 'a.txt', data: shifted })).text).toBe('東京');
});

it.each<readonly [name: string, data: Uint8Array, text: string, replaced: string]>([
  ['a cut end', utf8('Füße und Käse, viel ü').subarray(0, -1), 'Füße und Käse, viel \ufffd', 'one place is'],
  ['a cut end behind one word', utf8('Ein Käse €').subarray(0, -1), 'Ein Käse \ufffd', 'one place is'],
  [
    'a changed byte',
    Buffer.concat([utf8('Müller traf Jäger. '), Buffer.of(0xff), utf8(' Schöne Grüße.')]),
    'Müller traf Jäger. \ufffd Schöne Grüße.',
    'one place is',
  ],
  [
    'a long log with a cut tail',
    Buffer.concat([utf8('INFO naïve café user Zoë\n'.repeat(500)), Buffer.of(0xe2, 0x82)]),
    `${'INFO naïve café user Zoë\n'.repeat(500)}\ufffd`,
    'one place is',
  ],
  ['a mark and a cut end', utf8('\ufeffplain ü').subarray(0, -1), 'plain \ufffd', 'one place is'],
  [
    'half a unit of UTF-16',
    Buffer.concat([Buffer.from('\ufeffhello', 'utf16le'), Buffer.of(1)]),
    'hello\ufffd',
    'one place is',
  ],
  [
    'two changed bytes, and one that was lost before',
    Buffer.concat([utf8('è ò \ufffd '), Buffer.of(0xff), utf8(' à ì è ò à ì '), Buffer.of(0xfe)]),
    'è ò \ufffd \ufffd à ì è ò à ì \ufffd',
    '2 places are',
  ],
])('Unicode with %s stays what it is, and says where it is not', async (_, data, text, replaced) => {
  const read = await parse({ filename: 'a.txt', data });
  expect(read.text).toBe(text);
  expect(read.warnings).toEqual([expect.stringContaining(replaced)]);
});

it.each([
  ['windows-1252', 'Et voilà'],
  ['windows-1252', 'Ça a été là-bas, à côté'],
  ['windows-874', 'สวัสดีครับ ผมชื่อสมชาย และนี่คือข้อความทดสอบภาษาไทย'],
])('what was never Unicode is not taken for it: %s, %s', async (label, text) => {
  const read = await parse({ filename: 'a.txt', data: encoded(label, text) }, { encoding: label });
  expect(read.text).toBe(text);
});

it.each([
  ['gb18030', 'c4e3bac3a3acd5e2cac7d2bbb8f6d6d0cec4cec4b5b5a1a3', '你好，这是一个中文文档。'],
  ['shift_jis', '82b182ea82cd93fa967b8cea82cc95b68fcd82c582b78142', 'これは日本語の文章です。'],
  ['euc-kr', 'c0ccb0cdc0ba20c7d1b1b9beee20b9aebcadc0d4b4cfb4d92e', '이것은 한국어 문서입니다.'],
])('nor is %s', async (encoding, hex, text) => {
  const read = await parse({ filename: 'a.txt', data: Buffer.from(hex, 'hex') }, { encoding });
  expect(read.text).toBe(text);
});
