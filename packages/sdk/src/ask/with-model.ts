/**
 * What only those need who ask a language model, for a stream, or for masks: in a module of its own that is loaded with the
 * first such question.
 */
export { generateText } from '@memvid/core/language-model';
export { languageModelOf, modelOfQuestion, namesLanguageModel } from './language-models.js';
export { masked, maskedHits } from './masking.js';
export { modelAnswer } from './model-answer.js';
export { streamOf } from './stream.js';
