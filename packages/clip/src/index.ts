export type { InstalledFile, InstalledModel, InstallOptions, InstallProgress, Runtime } from '@memvid/onnx';
export { clip } from './clip.js';
export { type ClipDescription, ClipModel } from './clip-model.js';
export { installModel } from './install.js';
export { type ClipProvider, getClipProvider, LocalClip, type LocalClipConfig } from './local-clip.js';
export { CLIP_MODELS, type ClipModelFacts } from './models.js';
export type { ClipOptions } from './options.js';
export { type ClipPlugin, clipPlugin } from './plugin.js';
export type { Filter } from './resample.js';
