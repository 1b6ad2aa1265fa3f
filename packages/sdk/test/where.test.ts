import { describe, expect, it } from 'vitest';
import { isEmptyWhere, whereOf } from '../src/where.ts';

describe('whereOf', () => {
  it('passes a sound filter on', () => {
    const where = {
      kind: 'note',
      year: { $gte: 2020, $lt: 2024 },
      $or: [{ a: 1 }, { $not: { b: { $in: [1, 'x', null] } } }],
    };
    expect(whereOf(where, 'where')).toEqual(where);
    expect(whereOf(undefined, 'where')).toBeUndefined();
  });

  it('gives dates in the form of the field', () => {
    const day = new Date('2023-01-15T00:00:00Z');
    expect(
      whereOf({ timestamp: { $gte: day }, dates: day, created_at: day, due: { $in: [day] } }, 'where'),
    ).toEqual({
      timestamp: { $gte: 1_673_740_800 },
      dates: '2023-01-15',
      created_at: '2023-01-15T00:00:00Z',
      due: { $in: ['2023-01-15T00:00:00.000Z'] },
    });
  });

  it('takes every form of a time for the fields that are times, and refuses what is none', () => {
    const forms = ['2023-01-15', '01/15/2023', 'Jan 15, 2023', '2023-01-15T00:00:00Z', 1_673_740_800];
    for (const form of forms) {
      const asked = { timestamp: { $gte: form }, created_at: { $in: [form] }, dates: form };
      expect(whereOf(asked, 'where')).toEqual({
        timestamp: { $gte: 1_673_740_800 },
        created_at: { $in: ['2023-01-15T00:00:00Z'] },
        dates: '2023-01-15',
      });
    }
    expect(whereOf({ timestamp: { $ne: null, $lt: 1.5 }, 'metadata.timestamp': 'soon' }, 'where')).toEqual({
      timestamp: { $ne: null, $lt: 1.5 },
      'metadata.timestamp': 'soon',
    });
    for (const none of ['soon', '2023', 1_673_740_800_000, true, [1]]) {
      for (const field of ['timestamp', 'created_at', 'dates', 'content_dates']) {
        expect(() => whereOf({ [field]: { $gte: none } }, 'where')).toThrow(
          expect.objectContaining({
            code: 'MV019',
            details: expect.objectContaining({ argument: `where.${field}.$gte` }),
          }),
        );
      }
    }
  });

  it('takes lists and objects as values and a negated condition', () => {
    const where = {
      tags: ['a', 'b'],
      place: { city: 'Rome' },
      year: { $not: { $in: [1, 2] } },
      name: { $eq: { a: [1] } },
    };
    expect(whereOf(where, 'where')).toEqual(where);
  });

  it.each([
    [{ a: { $regex: 'x' } }, 'where.a.$regex', '$regex'],
    [{ $nor: [] }, 'where.$nor', '$nor'],
    [{ a: { $in: 'x' } }, 'where.a.$in', 'array'],
    [{ a: { $exists: 'yes' } }, 'where.a.$exists', 'true or false'],
    [{ a: { $gt: null } }, 'where.a.$gt', 'null'],
    [{ a: { $gt: true } }, 'where.a.$gt', 'true'],
    [{ a: {} }, 'where.a', '$exists'],
    [{ a: { $gt: [1] } }, 'where.a.$gt', 'array'],
    [{ a: { $gt: 1, b: 2 } }, 'where.a.b', '$exists'],
    [{ a: { $not: { $near: 1 } } }, 'where.a.$not.$near', '$near'],
    [{ a: () => 1 }, 'where.a', 'function'],
    [{ a: Number.NaN }, 'where.a', 'NaN'],
    [{ $and: [] }, 'where.$and', 'one or more'],
    [{ $and: [1] }, 'where.$and[0]', 'filter'],
    [{ $not: [] }, 'where.$not', 'filter'],
    [[], 'where', 'filter'],
    ['kind', 'where', 'filter'],
  ])('refuses %j with MV019 naming the place', (where, argument, word) => {
    expect(() => whereOf(where, 'where')).toThrow(
      expect.objectContaining({
        code: 'MV019',
        message: expect.stringContaining(word),
        details: expect.objectContaining({ argument }),
      }),
    );
  });

  it('refuses a filter nested without end', () => {
    let where: object = { a: 1 };
    for (let depth = 0; depth < 1000; depth += 1) where = { $not: where };
    expect(() => whereOf(where, 'where')).toThrow(/nested/);
  });

  it('knows filters that say nothing', () => {
    expect(isEmptyWhere({})).toBe(true);
    expect(isEmptyWhere({ $and: [{}, { $or: [{}] }] })).toBe(true);
    expect(isEmptyWhere({ $and: [{}, { a: 1 }] })).toBe(false);
    expect(isEmptyWhere({ $not: {} })).toBe(false);
  });
});
