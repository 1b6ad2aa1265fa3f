import { describe, expect, it } from 'vitest';
import { corpus } from '../src/corpus/corpus.ts';
import { missingData, realQuestions } from '../src/corpus/real.ts';
import { language, syntheticDocument } from '../src/corpus/synthetic.ts';
import { makeQueries, QUERY_CLASSES, tellingOf, vocabularyOf } from '../src/queries.ts';
import { random } from '../src/random.ts';

if (missingData !== undefined) process.stderr.write(`skipped: real text: ${missingData}\n`);

describe('synthetic text', () => {
  it('is the same in every run, and any document can be made without the others', () => {
    const documents = [...corpus('synthetic').documents(0, 50)];
    expect([...corpus('synthetic').documents(10, 50)]).toEqual(documents.slice(10));
    expect(syntheticDocument(7)).toEqual(documents[7]);
    expect(documents[0]?.text.slice(0, 60)).toMatchInlineSnapshot(
      `"moultoummam gideam voplea rurmam boutox coulal duxcougral da"`,
    );
  });

  it('has 200 000 different words of 3 to 12 letters', () => {
    const { words } = language();
    expect(new Set(words).size).toBe(200_000);
    expect(words.every((word) => /^[a-z]{3,12}$/.test(word))).toBe(true);
  });

  it('has about a kilobyte a document and words as frequent as the distribution says', () => {
    const texts = Array.from(corpus('synthetic').documents(0, 2000), ({ text }) => text);
    const words = texts.flatMap((text) => text.split(' '));
    expect(words).toHaveLength(2000 * 120);
    expect(texts.join('').length / 2000).toBeGreaterThan(850);
    expect(texts.join('').length / 2000).toBeLessThan(1200);
    const ranked = language().words;
    const share = (rank: number): number =>
      words.filter((word) => word === ranked[rank]).length / words.length;
    expect(share(0) / share(9)).toBeCloseTo(10 ** 1.07, -1);
  });

  it('puts a tenth of the documents into each track', () => {
    const counts = new Map<string, number>();
    for (const { track } of corpus('synthetic').documents(0, 5000)) {
      counts.set(track, (counts.get(track) ?? 0) + 1);
    }
    expect(counts.size).toBe(10);
    for (const count of counts.values()) expect(Math.abs(count - 500)).toBeLessThan(25);
  });
});

describe.skipIf(missingData !== undefined)('real text', () => {
  it('is different in every document, and the same in every run', () => {
    const documents = [...corpus('real').documents(0, 20_000)];
    expect(new Set(documents.map(({ uri }) => uri)).size).toBe(20_000);
    expect([...corpus('real').documents(90, 100)]).toEqual(documents.slice(90, 100));
    expect(documents.every(({ text }) => text.length > 0)).toBe(true);
    expect(new Set(realQuestions()).size).toBeGreaterThan(190);
  });

  it('gives as many documents as it says', () => {
    const { most } = corpus('real');
    expect([...corpus('real').documents(most - 1, most)]).toHaveLength(1);
  });
});

describe('queries', () => {
  const source = corpus('synthetic');
  const queries = makeQueries(vocabularyOf(source, 500), ['Who wrote that?']);
  const of = (name: string): typeof queries => queries.filter((query) => query.class === name);

  it('are the same in every run, a hundred of each class', () => {
    expect(makeQueries(vocabularyOf(source, 500), ['Who wrote that?'])).toEqual(queries);
    for (const name of QUERY_CLASSES) {
      expect(of(name)).toHaveLength(name === 'question' || name === 'telling' ? 1 : 100);
    }
    expect(tellingOf(['who', 'wrote', 'the', 'letter'])).toEqual(['wrote', 'letter']);
    expect(tellingOf(['what', 'is', 'it'])).toEqual(['what', 'is', 'it']);
  });

  it('have as many words as their class says, from its ranks', () => {
    const rankOf = new Map(language().words.map((word, rank) => [word, rank]));
    for (const [name, length] of Object.entries({
      rare: 1,
      words3: 3,
      words5: 5,
      words8: 8,
      phrase: 2,
      boolean: 2,
    })) {
      expect(of(name).every(({ words }) => words.length === length)).toBe(true);
    }
    const within = (name: string, from: number, to: number): boolean =>
      of(name).every(({ words }) =>
        words.every((word) => (rankOf.get(word) ?? -1) >= from && (rankOf.get(word) ?? to) < to),
      );
    expect(within('rare', 5000, 50_000)).toBe(true);
    expect(within('words3', 100, 2000)).toBe(true);
    expect(within('boolean', 100, 2000)).toBe(true);
    expect(of('prefix').every(({ words }) => words.length === 1 && words[0]?.length === 4)).toBe(true);
    expect(of('filtered').every(({ track, words }) => track !== undefined && words.length === 3)).toBe(true);
  });

  it('ask for phrases that stand in a document', () => {
    const texts = Array.from(source.documents(0, 500), ({ text }) => ` ${text} `);
    for (const { text } of of('phrase').slice(0, 20)) {
      expect(texts.some((document) => document.includes(` ${text} `))).toBe(true);
    }
  });
});

it('random numbers are spread over the whole range and do not depend on the machine', () => {
  const next = random(42);
  const numbers = Array.from({ length: 10_000 }, next);
  expect(numbers.slice(0, 3)).toMatchInlineSnapshot(`
    [
      0.6011037519201636,
      0.44829055899754167,
      0.8524657934904099,
    ]
  `);
  expect(numbers.reduce((sum, number) => sum + number, 0) / numbers.length).toBeCloseTo(0.5, 1);
});
