import { checkCallSettings } from '../embedding/check-embedder.js';
import type { LanguageModel } from '../providers/language-model.js';
import { checkString, invalidInput } from '../validate.js';

/** Looks at what is relied on: MV019 that names the member. */
export function checkLanguageModel(value: unknown, argument: string): LanguageModel {
  if (typeof value !== 'object' || value === null) throw invalidInput(argument, value, 'a LanguageModel');
  const model = value as LanguageModel;
  if (model.spec !== 'language-model/v1') {
    throw invalidInput(`${argument}.spec`, model.spec, '"language-model/v1"');
  }
  checkString(`${argument}.provider`, model.provider, { notBlank: true });
  checkString(`${argument}.model`, model.model, { notBlank: true });
  const { timeoutMs, maxRetries } = model;
  checkCallSettings({ timeoutMs, maxRetries }, `${argument}.`);
  if (typeof model.generate !== 'function') {
    throw invalidInput(`${argument}.generate`, model.generate, 'a function');
  }
  for (const name of ['stream', 'assertReady'] as const) {
    const member: unknown = model[name] ?? undefined;
    if (member !== undefined && typeof member !== 'function') {
      throw invalidInput(`${argument}.${name}`, member, 'a function, or left out');
    }
  }
  return model;
}
