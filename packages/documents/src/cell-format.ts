/** How the numbers of a sheet are shown: days and times are stored as days since 1900, and only a format tells. */
export type CellFormat = 'number' | 'percent' | 'date' | 'time' | 'datetime' | 'duration';

/** Formats that are known by number, as ECMA-376 18.8.30 lists them, and those of East Asian calendars. */
export function builtInFormat(id: number): CellFormat {
  if (id === 9 || id === 10) return 'percent';
  if ((id >= 14 && id <= 17) || (id >= 27 && id <= 31) || id === 36 || (id >= 50 && id <= 58)) return 'date';
  if ((id >= 18 && id <= 21) || (id >= 32 && id <= 35) || id === 45 || id === 47) return 'time';
  if (id === 22) return 'datetime';
  return id === 46 ? 'duration' : 'number';
}

/** What a format of the document's own shows. */
export function customFormat(code: string): CellFormat {
  // The first section is that of positive numbers; what stands in quotes and behind a backslash is shown as it is.
  const section = code.replaceAll(/"[^"]*"|\\.|_.|\*./g, '').split(';')[0] ?? '';
  if (/\[(h+|m+|s+)\]/i.test(section)) return 'duration';
  // A bracket that nobody closes goes on to the end: looking for another end from each of thousands takes their square.
  const letters = section.replaceAll(/\[[^\]]*\]?/g, '').replaceAll(/general/gi, '');
  if (letters.includes('%')) return 'percent';
  const hasTime = /[hs]|am\/pm/i.test(letters);
  const hasDay = /[yd]|e{2,}|gg/i.test(letters) || (/m/i.test(letters) && !hasTime);
  if (hasDay) return hasTime ? 'datetime' : 'date';
  return hasTime ? 'time' : 'number';
}

const DAY = 86_400;
const PLAIN = /^-?\d+(?:\.\d+)?$/;

/** A stored number as it is shown: dates as ISO 8601, numbers with the 15 digits that Excel shows. */
export function shownNumber(value: string, format: CellFormat, is1904: boolean): string {
  // As most are: of so few digits none is a rest of computing, and they are shown as they stand.
  if (format === 'number' && value.length <= 15 && PLAIN.test(value)) return value;
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number)) return value;
  if (format === 'percent') return `${trimmed(number * 100)}%`;
  if (format === 'number' || number < 0) return trimmed(number);
  const seconds = Math.round(number * DAY);
  if (format === 'duration') {
    const pad = (part: number): string => String(part).padStart(2, '0');
    return `${Math.floor(seconds / 3600)}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
  }
  // Before 1 March 1900 the days count from another one: Excel knows a 29 February of that year.
  const origin = is1904 ? Date.UTC(1904, 0, 1) : Date.UTC(1899, 11, number < 60 ? 31 : 30);
  const moment = new Date(origin + seconds * 1000);
  if (Number.isNaN(moment.getTime()) || moment.getUTCFullYear() > 9999) return trimmed(number);
  const iso = moment.toISOString();
  if (format === 'time' && number < 1) return iso.slice(11, 19);
  return format === 'date' ? iso.slice(0, 10) : `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
}

function trimmed(number: number): string {
  return String(Number(number.toPrecision(15)));
}
