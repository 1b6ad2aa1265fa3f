import { expect, it } from 'vitest';
import { documentsPlugin, parse } from '../src/index.ts';

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
  const utf8 = new TextEncoder().encode(text);
  expect((await parse({ filename: 'a.txt', data: utf8 }, { encoding })).text).toBe(text);
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
