import { describe, expect, it } from 'vitest';
import { growth } from '../../../tests/support/processor-time.ts';
import { claimsOf } from '../src/ask/claims.ts';

const PASSAGES = [
  {
    number: 1,
    text: 'docs/a Budget\nThe budget of the garden is 1,500.50 euros since March 2024, for three people.',
  },
  { number: 2, text: 'docs/b Door\nThe vault door is heavy, and painted green.' },
  { number: 3, text: 'docs/c Code\nThe code of the vault is 0042.' },
];

const claims = (answer: string) => claimsOf(answer, PASSAGES);

describe('claimsOf', () => {
  it.each([
    'The budget of the garden is 1,500.50 euros [1].',
    'The budget of the garden is 1.500,5 euros. [1]',
    'The budget of the garden is 1 500,50 euros.[1] The door is heavy [2].',
    'According to [1], the budget is for 3 people.',
    'The vault door is heavy [2] and its code is 0042 [3].',
    'The vault door is heavy and its code is 0042 [2][3].',
    'The vault door is heavy and its code is 0042 [2, 3].',
    'The vault door is heavy and its code is 0042 [1-3].',
    '1. The door is green [2]\n2. The code is 0042 [3]',
    'The vault door is heavy.',
    'Use `code[2]` of the vault: 0042 [3].',
    'Yes, the door is green [2].',
    'The vault door is heavy and its code is 0042 [3-2].',
    'The budget of the garden is for three people [1].',
    'The budget of the garden in euros, since March for twenty-two people [1].',
    'The budget of the garden is 1,500.50 euros, a two-thirds of what it was [1].',
    'Ten budget of garden euros since March [1].',
  ])('%s', (answer) => {
    const { grounding, unsupported, doubts } = claims(answer);
    expect({ unsupported, doubts }).toEqual({ unsupported: [], doubts: [] });
    expect(grounding).toMatchObject({ score: 1, label: 'HIGH', has_warning: false });
  });

  it.each<[answer: string, unsupported: number[], doubt: string]>([
    ['The code of the vault is 0042 [2].', [2], 'which does not hold 0042: [3] does'],
    ['The budget of the garden is 9,500.50 euros [1].', [1], 'which does not hold 9,500.50: no passage does'],
    ['The vault door is painted green. [1] The code is 0042. [3]', [1], 'which does not hold it: [2] does'],
    ['The keys are hidden below the mat [2].', [2], 'which does not hold it: no passage does'],
    [
      'The budget of the garden is 77 euros.',
      [],
      'No passage holds 77 in “The budget of the garden is 77 euros.”',
    ],
  ])('%s', (answer, unsupported, doubt) => {
    const found = claims(answer);
    expect(found.unsupported).toEqual(unsupported);
    expect(found.doubts).toEqual([expect.stringContaining(doubt)]);
    expect(found.grounding.score).toBeLessThan(1);
    expect(found.grounding).toMatchObject({ has_warning: true, warning_reason: found.doubts[0] });
  });

  it.each<[answer: string, unsupported: number[], missing: string]>([
    ['The budget of the garden is for four people [1].', [1], 'four'],
    ['The budget of the garden is for Nine people.', [], 'Nine'],
    ['The budget of the garden is for the ten people [1].', [1], 'ten'],
    ['The vault door is heavy and has two locks [2].', [2], 'two'],
  ])('reads the numbers from two to twelve as words, too: %s', (answer, unsupported, missing) => {
    const found = claims(answer);
    expect(found.unsupported).toEqual(unsupported);
    expect(found.doubts).toEqual([expect.stringMatching(new RegExp(`hold(?:s)? ${missing}\\b`))]);
  });

  it('lets a count rest on other words for it', () => {
    const passages = [{ number: 1, text: 'Both doors are green, and a dozen windows.' }];
    const answer = 'Two doors and twelve windows are green [1].';
    expect(claimsOf(answer, passages)).toMatchObject({ unsupported: [], doubts: [] });
  });

  it('tells all doubts of a sentence', () => {
    const swapped = claims('The code is 0042 [2] and the door is green [3].');
    expect(swapped.unsupported).toEqual([2, 3]);
    expect(swapped.doubts).toEqual([
      expect.stringContaining('The answer cites [2] for “The code is 0042”'),
      expect.stringContaining('The answer cites [3] for “and the door is green”'),
    ]);
    const { unsupported, doubts } = claims(
      'The code is 0043 [3] and the budget of the garden is 7 euros [1].',
    );
    expect(unsupported).toEqual([1, 3]);
    expect(doubts).toEqual([
      expect.stringContaining('does not hold 0043'),
      expect.stringContaining('does not hold 7:'),
    ]);
  });

  it('reads a range from either end', () => {
    const { unsupported } = claims('The budget of the garden is for turtles of the Galapagos islands [2-1].');
    expect(unsupported).toEqual([1, 2]);
  });

  it('finds a number at the end of a long sentence that cites nothing', () => {
    const { doubts } = claims(`The budget ${'of the garden '.repeat(10)}is 77 euros.`);
    expect(doubts).toEqual([expect.stringContaining('No passage holds 77 in “The budget')]);
  });

  it('a single word is no reason for a doubt of its own', () => {
    expect(claims('Yes [1].')).toMatchObject({ unsupported: [], doubts: [], grounding: { label: 'LOW' } });
    expect(claims('[1]').grounding.warning_reason).toMatch(/no sentence/);
  });

  it('reads as many marks as there are', () => {
    const { unsupported, grounding } = claims(`The door is green ${'[2]'.repeat(200_000)}.`);
    expect({ unsupported, score: grounding.score }).toEqual({ unsupported: [], score: 1 });
  });

  it.each([
    ['words that say nothing', (length: number) => `The door ${'the [1] '.repeat(length)}is green`],
    ['brackets in code that nobody closes', (length: number) => `The \`door${'['.repeat(length)}\` is green`],
    ['blanks', (length: number) => `The door${' '.repeat(length)}is green`],
  ])(
    'takes time that grows with the number of %s',
    async (_, answerOf) => {
      const reading = (length: number) => () => claims(answerOf(length));
      expect(await growth(reading, 100_000)).toBeLessThan(3);
    },
    60_000,
  );

  it('tells a few in words, and of the others their number', () => {
    const { doubts, grounding } = claims('The code is 1 [3]. '.repeat(50));
    expect(doubts).toHaveLength(4);
    expect(doubts[3]).toBe('There are 47 more such statements');
    expect(grounding).toMatchObject({ sentence_count: 50, grounded_sentences: 0 });
  });
});
