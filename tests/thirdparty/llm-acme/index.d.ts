import type { LanguageModel, Plugin } from '@memvid/core';
import type { ChatOptions } from '@memvid/core/language-model';

export declare function acme(model: string, options?: ChatOptions): LanguageModel;
export declare function acmePlugin(defaults?: ChatOptions): Plugin;
