export type { InstalledFile, InstalledModel, InstallOptions, InstallProgress, Runtime } from '@memvid/onnx';
export { installModel } from './install.js';
export { type Entity, LocalNER, type LocalNERConfig } from './local-ner.js';
export { type LocalEntityExtractor, type NamedEntity, ner } from './ner.js';
export type { NerOptions } from './options.js';
export { nerPlugin, type NerPlugin } from './plugin.js';
