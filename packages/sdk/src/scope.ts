import {
  createError,
  invalidInput,
  isPlainObject,
  type NativeDocument,
  UnsupportedOperationError,
} from '@memvid/core';
import { filledString, recordOf } from './check.js';
import type { Where } from './where.js';

/** A value that documents of a scope carry in their metadata. */
export type ScopeValue = string | number | boolean;

/** What narrows a memory: metadata fields, and the value each has in every document of the scope. */
export type ScopeFields = Readonly<Record<string, ScopeValue>>;

/** Without dots, which reach into objects, and without names that begin like operators or prototypes. */
const NAME = /^[A-Za-z][A-Za-z0-9_-]*$/;
/** What a filter understands as something else than metadata. */
const BUILT_IN: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'frame_id',
  'uri',
  'title',
  'kind',
  'track',
  'tags',
  'tag',
  'labels',
  'label',
  'timestamp',
  'created_at',
  'dates',
  'content_dates',
  'metadata',
]);

/** The part of a memory whose documents carry certain values. It can be narrowed and never widened. */
export class Scope {
  readonly #fields: ReadonlyMap<string, ScopeValue>;
  readonly #filter: Where;

  private constructor(fields: ReadonlyMap<string, ScopeValue>) {
    this.#fields = fields;
    // A list in which the value is one of several would be a document of several scopes.
    this.#filter = {
      $and: [...fields].flatMap(([name, value]) => [
        { [`metadata.${name}`]: value },
        { [`metadata.${name}.0`]: { $exists: false } },
      ]),
    };
  }

  /** The scope of fields that a caller gives, inside of another. */
  static of(given: unknown, outer?: Scope): Scope {
    const fields = new Map(outer === undefined ? [] : outer.#fields);
    const entries = Object.entries(recordOf(given, 'fields', 'an object such as { user: "ann" }'));
    if (entries.length === 0) throw invalidInput('fields', given, 'at least one field');
    for (const [name, value] of entries) {
      if (!NAME.test(name) || BUILT_IN.has(name)) {
        const expected = 'the name of a metadata field, of letters, digits, "_" and "-"';
        throw invalidInput(`fields.${name}`, name, expected);
      }
      const own = scopeValue(value, `fields.${name}`);
      const held = fields.get(name);
      if (held !== undefined && held !== own) throw contradicts(`fields.${name}`, own, held);
      fields.set(name, own);
    }
    return new Scope(fields);
  }

  /** As messages name it. */
  get name(): string {
    return [...this.#fields].map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(', ');
  }

  /** The filter of a call, narrowed to the scope. MV019 when it asks for what is outside of it. */
  narrowed(where: Where | undefined): Where {
    if (where === undefined) return this.#filter;
    this.#refuseContradiction(where, 'where');
    return { ...where, $and: [...(where.$and ?? []), this.#filter] };
  }

  /** Whether a document with this metadata is one of the scope. */
  holds(metadata: unknown): boolean {
    return (
      isPlainObject(metadata) &&
      [...this.#fields].every(
        ([name, value]) =>
          Object.hasOwn(metadata, name) && metadata[name] === value && !Object.hasOwn(metadata, `${name}.0`),
      )
    );
  }

  /** A document with the values of the scope. MV019 when it carries others. */
  stamped<T extends Pick<NativeDocument, 'metadata'>>(document: T, at: string = ''): T {
    return { ...document, metadata: this.stampedMetadata(document.metadata, at) };
  }

  /** The JSON text of metadata with the values of the scope. */
  stampedMetadata(metadata: string | undefined, at: string): string {
    const own = metadata === undefined ? {} : (JSON.parse(metadata) as Record<string, unknown>);
    for (const [name, value] of this.#fields) {
      if (Object.hasOwn(own, name) && own[name] !== value) {
        throw contradicts(`${at}metadata.${name}`, own[name], value);
      }
      // It would be read as the first of a list of values.
      if (Object.hasOwn(own, `${name}.0`)) {
        throw contradicts(`${at}metadata.${name}.0`, own[`${name}.0`], value);
      }
    }
    // A spread defines keys, it does not assign them: `__proto__` stays one like any other.
    return JSON.stringify({ ...own, ...Object.fromEntries(this.#fields) });
  }

  /** Looks at the conditions that hold for every document found. What is left can only narrow. */
  #refuseContradiction(where: Where, argument: string): void {
    for (const [key, condition] of Object.entries(where)) {
      if (key === '$and') {
        const parts = condition as readonly Where[];
        parts.forEach((part, index) => this.#refuseContradiction(part, `${argument}.$and[${index}]`));
      }
      const name = key.startsWith('metadata.') ? key.slice('metadata.'.length) : key;
      const value = this.#fields.get(name);
      if (value !== undefined && !allows(condition, value)) {
        throw contradicts(`${argument}.${key}`, condition, value);
      }
    }
  }
}

function scopeValue(value: unknown, argument: string): ScopeValue {
  if (typeof value === 'string') return filledString(value, argument);
  if (typeof value === 'boolean') return value;
  // Minus zero is written as zero.
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  throw invalidInput(argument, value, 'a text that is not blank, a whole number, or a boolean');
}

/** Whether a condition lets the value through, as far as that is plain to see. */
function allows(condition: unknown, value: ScopeValue): boolean {
  if (!isPlainObject(condition)) return condition === value;
  const operators = Object.entries(condition);
  if (!operators.some(([operator]) => operator.startsWith('$'))) return false;
  return operators.every(([operator, operand]) => {
    switch (operator) {
      case '$eq':
        return operand === value;
      case '$ne':
        return operand !== value;
      case '$in':
        return (operand as readonly unknown[]).includes(value);
      case '$nin':
        return !(operand as readonly unknown[]).includes(value);
      case '$exists':
        return operand === true;
      default:
        return true;
    }
  });
}

function contradicts(argument: string, received: unknown, value: ScopeValue): Error {
  return invalidInput(argument, received, `${JSON.stringify(value)}, which this scope is about`);
}

/** MV018 for a call that concerns more than a scope. */
export function ofTheWholeFile(operation: string, scope: Scope): UnsupportedOperationError {
  return new UnsupportedOperationError(
    `${operation} is about the whole file, and this handle sees the documents of { ${scope.name} }`,
    {
      details: { operation, reason: 'scope' },
      suggestion: `Call \`${operation}\` on the memory that \`scope()\` was called on.`,
    },
  );
}

/** MV010 for what is not in the scope, in the words for what is not there at all. */
export function notInScope(id: number): Error {
  return createError('MV010', `frame ${id} does not exist or was removed`, { details: { frame_id: id } });
}

export function uriNotInScope(uri: string): Error {
  return createError('MV010', `no active frame has the uri ${JSON.stringify(uri)}`, { details: { uri } });
}
