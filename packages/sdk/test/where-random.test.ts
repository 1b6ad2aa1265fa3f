import { expect, it } from 'vitest';
import type { Where } from '../src/index.ts';
import { freshMemory, randomNumbers } from './support/memory.ts';

interface Doc {
  title: string;
  text: string;
  uri: string;
  kind?: string;
  track?: string;
  label?: string;
  tags: string[];
  timestamp: number;
  metadata: Record<string, unknown>;
  embedding: number[];
}

const random = randomNumbers(20_261_124);
const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
const TAGS = ['red', 'green', 'blue', 'two words', 'Ünicode'];
const TEAMS = ['core', 'edge', 'apps'];

const docs: Doc[] = Array.from({ length: 120 }, (_, index) => ({
  title: `Document ${index % 7}`,
  text:
    index % 2 === 0
      ? `needle number ${index}`
      : `needle and thread ${index} ${'long text '.repeat(index % 11 === 1 ? 400 : 1)}`,
  uri: `mv2://${pick(['a', 'b'])}/${index}`,
  ...(random() < 0.5 ? { kind: pick(['note', 'mail']) } : {}),
  ...(random() < 0.5 ? { track: pick(['x', 'y']) } : {}),
  label: pick(['l1', 'l2']),
  tags: TAGS.filter(() => random() < 0.3),
  timestamp: 1000 + index,
  embedding: [],
  metadata: {
    ...(random() < 0.7 ? { team: pick(TEAMS) } : {}),
    ...(random() < 0.7 ? { year: 2018 + Math.floor(random() * 6) } : {}),
    ...(random() < 0.5 ? { rating: Math.round(random() * 100) / 10 } : {}),
    ...(random() < 0.5 ? { done: random() < 0.5 } : {}),
    ...(random() < 0.3 ? { nothing: null } : {}),
    ...(random() < 0.5 ? { place: { city: pick(['Rome', 'Oslo']), floor: Math.floor(random() * 4) } } : {}),
    ...(random() < 0.5 ? { scores: [1, 2, 3, 4].filter(() => random() < 0.5) } : {}),
  },
}));

/** The value of a field, as the documents of this test hold it. */
function fieldOf(doc: Doc, field: string): unknown {
  switch (field) {
    case 'tags':
      return doc.tags;
    case 'labels':
      return [doc.label];
    case 'title':
    case 'uri':
    case 'kind':
    case 'track':
    case 'timestamp':
      return doc[field];
    default: {
      let value: unknown = doc.metadata;
      for (const key of field.split('.')) value = (value as Record<string, unknown> | undefined)?.[key];
      return value;
    }
  }
}

function equals(value: unknown, expected: unknown): boolean {
  if (value === undefined) return expected === null;
  const same = (left: unknown): boolean => JSON.stringify(left) === JSON.stringify(expected);
  return same(value) || (Array.isArray(value) && value.some(same));
}

function compares(value: unknown, operator: string, operand: unknown): boolean {
  if (Array.isArray(value)) return value.some((item) => compares(item, operator, operand));
  if (typeof value !== typeof operand || (typeof value !== 'number' && typeof value !== 'string')) {
    return false;
  }
  const [left, right] = [value as number, operand as number];
  if (operator === '$gt') return left > right;
  if (operator === '$gte') return left >= right;
  return operator === '$lt' ? left < right : left <= right;
}

function tests(value: unknown, condition: unknown): boolean {
  const isOperators =
    typeof condition === 'object' &&
    condition !== null &&
    Object.keys(condition).some((key) => key.startsWith('$'));
  if (!isOperators) return equals(value, condition);
  return Object.entries(condition as object).every(([operator, operand]: [string, unknown]) => {
    switch (operator) {
      case '$eq':
        return equals(value, operand);
      case '$ne':
        return !equals(value, operand);
      case '$in':
        return (operand as unknown[]).some((item) => equals(value, item));
      case '$nin':
        return !(operand as unknown[]).some((item) => equals(value, item));
      case '$exists':
        return (value !== undefined) === operand;
      case '$not':
        return !tests(value, operand);
      default:
        return compares(value, operator, operand);
    }
  });
}

/** The plain meaning of a filter, written down a second time. */
function holds(doc: Doc, where: Where): boolean {
  return Object.entries(where).every(([key, part]) => {
    if (key === '$and') return (part as Where[]).every((item) => holds(doc, item));
    if (key === '$or') return (part as Where[]).some((item) => holds(doc, item));
    if (key === '$not') return !holds(doc, part as Where);
    return tests(fieldOf(doc, key), part);
  });
}

const VALUES: Record<string, readonly unknown[]> = {
  tags: [...TAGS, 'none'],
  labels: ['l1', 'l2', 'l3'],
  title: ['Document 0', 'Document 3', 'Document 9'],
  kind: ['note', 'mail', 'none', null],
  track: ['x', 'y'],
  timestamp: [1000, 1030, 1060, 1100],
  team: [...TEAMS, 'none', null],
  year: [2018, 2020, 2021.5, 2023],
  rating: [0, 2.5, 5, 9.9],
  done: [true, false],
  nothing: [null, 1],
  'place.city': ['Rome', 'Oslo', 'Bern'],
  'place.floor': [0, 1, 2, 3],
  scores: [1, 2, 4, 9],
};
const FIELDS = Object.keys(VALUES);

function randomCondition(field: string): unknown {
  const value = (): unknown => pick(VALUES[field] ?? []);
  const ordered = (VALUES[field] ?? []).filter(
    (item) => typeof item === 'number' || typeof item === 'string',
  );
  switch (Math.floor(random() * 8)) {
    case 0:
      return { $in: [value(), value()] };
    case 1:
      return { $nin: [value(), value()] };
    case 2:
      return { $ne: value() };
    case 3:
      return { $exists: random() < 0.5 };
    case 4:
    case 5:
      if (ordered.length > 0) {
        return {
          [pick(['$gt', '$gte'])]: pick(ordered),
          ...(random() < 0.5 ? { [pick(['$lt', '$lte'])]: pick(ordered) } : {}),
        };
      }
      return value();
    case 6:
      return { $not: { $in: [value()] } };
    default:
      return value();
  }
}

function randomWhere(depth: number): Where {
  const choice = random();
  if (depth > 0 && choice < 0.2) return { $and: [randomWhere(depth - 1), randomWhere(depth - 1)] };
  if (depth > 0 && choice < 0.4) return { $or: [randomWhere(depth - 1), randomWhere(depth - 1)] };
  if (depth > 0 && choice < 0.5) return { $not: randomWhere(depth - 1) };
  const where: Record<string, unknown> = {};
  for (let count = 0; count <= Math.floor(random() * 2); count += 1) {
    const field = pick(FIELDS);
    where[field] = randomCondition(field);
  }
  return where as Where;
}

/** As many numbers of length 1 as a small model gives. */
function randomVector(): number[] {
  const numbers = Array.from({ length: 16 }, () => random() - 0.5);
  const length = Math.hypot(...numbers);
  return numbers.map((number) => number / length);
}
for (const doc of docs) doc.embedding = randomVector();

/** The nearest of some documents, compared one by one. */
function nearest(query: number[], among: readonly number[], count: number): number[] {
  const similarity = (id: number): number =>
    (documentOf.get(id)?.embedding ?? []).reduce((sum, number, at) => sum + number * (query[at] ?? 0), 0);
  return among.toSorted((left, right) => similarity(right) - similarity(left)).slice(0, count);
}
const documentOf = new Map<number, Doc>();

it('200 random filters give what a plain reading of them gives, in every kind of search and in timeline, pending and sealed', async () => {
  await using memory = await freshMemory();
  // Half of the documents in sections, half only in the log: a filter must see both.
  const ids = await memory.putMany(docs.slice(0, 60));
  await memory.seal();
  for (const doc of docs.slice(60)) ids.push(await memory.put(doc));
  for (const [index, id] of ids.entries()) documentOf.set(Number(id), docs[index] as Doc);

  let matched = 0;
  for (let round = 0; round < 200; round += 1) {
    const where = randomWhere(2);
    const expected = [...documentOf]
      .filter(([, doc]) => holds(doc, where))
      .map(([id]) => id)
      .toSorted((a, b) => a - b);
    matched += expected.length;
    const entries = await memory.timeline({ where, limit: 1000 });
    const timelined = entries.map((entry) => entry.frame_id).toSorted((a, b) => a - b);
    const { hits } = await memory.find('needle OR long', { where, k: 10_000 });
    const found = [...new Set(hits.map((hit) => hit.parent_id ?? hit.frame_id))].toSorted((a, b) => a - b);
    expect({ where, timelined, found }).toEqual({ where, timelined: expected, found: expected });
    const few = await memory.find('needle OR long', { where, k: 3 });
    expect(few.hits).toHaveLength(Math.min(3, few.total_hits));
    const query = randomVector();
    const near = await memory.find('needle', { mode: 'sem', queryEmbedding: query, where, k: 5 });
    expect({ where, near: near.hits.map((hit) => hit.frame_id) }).toEqual({
      where,
      near: nearest(query, expected, 5),
    });
    const both = await memory.find('needle OR long', { mode: 'auto', queryEmbedding: query, where, k: 1000 });
    const fused = both.hits.map((hit) => hit.parent_id ?? hit.frame_id).toSorted((a, b) => a - b);
    expect({ where, fused }).toEqual({ where, fused: expected });
    const limit = random() < 0.5 ? { fusion: 'rrf' } : { semanticWeight: random() };
    const some = await memory.find('needle', {
      ...(limit as object),
      mode: 'auto',
      queryEmbedding: query,
      where,
      k: 7,
    });
    expect(some.hits).toHaveLength(Math.min(7, expected.length));
    expect(expected).toEqual(expect.arrayContaining(some.hits.map((hit) => hit.parent_id ?? hit.frame_id)));
  }
  // The filters say something: they neither match all nor nothing.
  expect(matched).toBeGreaterThan(200 * 10);
  expect(matched).toBeLessThan(200 * 110);
});
