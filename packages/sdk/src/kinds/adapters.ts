import { checkOneOf, PluginMissingError, UnsupportedOperationError } from '@memvid/core';
import type { Memvid } from '../memory.js';
import { callableTools, openaiTools, type CallableTool } from './tools.js';

const KINDS = [
  'basic',
  'langchain',
  'llamaindex',
  'crewai',
  'vercel-ai',
  'openai',
  'autogen',
  'haystack',
  'langgraph',
  'semantic-kernel',
  'google-adk',
  'mcp',
] as const;
/** A framework whose tools a handle offers; `"basic"` is none. */
export type Kind = (typeof KINDS)[number];

/** What a handle offers to the framework it was opened for. */
export interface AdapterSlots {
  readonly tools: readonly object[];
  readonly functions: readonly CallableTool[];
  readonly nodes: readonly unknown[];
  readonly asQueryEngine: unknown;
}

/** Made anew for each handle, so that the tools of one never write into the file of another. */
export type Adapter = (memory: Memvid) => AdapterSlots;

const EMPTY: AdapterSlots = { tools: [], functions: [], nodes: [], asQueryEngine: null };

export function checkKind(kind: unknown): Kind {
  return checkOneOf('kind', kind, KINDS);
}

/** The adapter of a kind; MV018 naming the package for those that come with one. */
export function adapterOf(kind: Kind): Adapter {
  switch (kind) {
    case 'basic':
      return () => EMPTY;
    case 'openai':
      return (memory) => ({ ...EMPTY, tools: openaiTools(memory), functions: callableTools(memory) });
    case 'crewai':
    case 'autogen':
    case 'google-adk':
      return (memory) => ({ ...EMPTY, tools: callableTools(memory), functions: callableTools(memory) });
    case 'haystack':
    case 'semantic-kernel':
      throw new UnsupportedOperationError(`There is no adapter for "${kind}"`, {
        details: { operation: 'use', kind },
        suggestion: 'Open with kind "basic" and call `find`, `ask` and `put` from your own component.',
      });
    case 'langchain':
    case 'langgraph':
    case 'llamaindex':
    case 'vercel-ai':
    case 'mcp':
      throw new PluginMissingError(
        `use has no adapter for "${kind}": it is to come with the package @memvid/adapter-${kind}, which there is not yet`,
        {
          details: { operation: 'use', package: `@memvid/adapter-${kind}` },
          suggestion: 'Open with kind "crewai", whose `functions` any framework can call, or with "basic".',
        },
      );
  }
}
