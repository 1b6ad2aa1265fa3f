/** Every code this project raises. One code, one meaning; `docs/errors.md` has the table. */
export const ERROR_CODES = [
  'MV001',
  'MV002',
  'MV003',
  'MV004',
  'MV005',
  'MV006',
  'MV007',
  'MV008',
  'MV009',
  'MV010',
  'MV011',
  'MV012',
  'MV013',
  'MV014',
  'MV015',
  'MV016',
  'MV017',
  'MV018',
  'MV019',
  'MV020',
  'MV021',
  'MV022',
  'MV023',
  'MV999',
] as const;

/**
 * The number of an error. An engine newer than this package may report a number that is not listed;
 * it is kept as it is, so compare codes instead of assuming the list is closed.
 */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** Values behind an error: `path`, `expected`, `actual` and so on, as documented for each code. */
export type ErrorDetails = Record<string, unknown>;

/** Whether `value` has the form of a code (`MV` and digits), known or not. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && /^MV\d{3,}$/.test(value);
}
