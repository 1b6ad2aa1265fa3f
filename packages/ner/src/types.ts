/**
 * Types of names by the labels of models: those of the reference (PERSON, ORG, LOCATION, MISC) and, where a label is
 * something else, DATE, MONEY and OTHER. A label that is not here is a type of its own.
 */
const TYPES: Readonly<Record<string, string>> = {
  PER: 'PERSON',
  PERSON: 'PERSON',
  ORG: 'ORG',
  ORGANISATION: 'ORG',
  ORGANIZATION: 'ORG',
  NORP: 'ORG',
  LOC: 'LOCATION',
  LOCATION: 'LOCATION',
  GPE: 'LOCATION',
  FAC: 'LOCATION',
  FACILITY: 'LOCATION',
  DATE: 'DATE',
  TIME: 'DATE',
  MONEY: 'MONEY',
  MISC: 'MISC',
  CARDINAL: 'OTHER',
  EVENT: 'OTHER',
  LANGUAGE: 'OTHER',
  LAW: 'OTHER',
  ORDINAL: 'OTHER',
  PERCENT: 'OTHER',
  PRODUCT: 'OTHER',
  QUANTITY: 'OTHER',
  WORK_OF_ART: 'OTHER',
};

/** The type of a name by its label. */
export function typeOf(label: string): string {
  const upper = label.toUpperCase();
  return Object.hasOwn(TYPES, upper) ? (TYPES[upper] ?? upper) : upper;
}

/** The types of some labels, each once, in the order of the labels. */
export function typesOf(labels: readonly string[]): string[] {
  return [...new Set(labels.map(typeOf))];
}
