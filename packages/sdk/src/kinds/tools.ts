import { isRecord, optionalOneOf, optionsOf } from '../check.js';
import type { Memvid } from '../memory.js';

/** A tool with its description for a model and the function that carries a call out. */
export interface CallableTool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly parameters: object;
  /** Carries out a call; the result is a JSON text, as models expect it. */
  execute(args: unknown): Promise<string>;
}

/** A tool in the form the chat API of OpenAI takes. */
export interface OpenAITool {
  readonly type: 'function';
  readonly function: { readonly name: string; readonly description: string; readonly parameters: object };
  execute(args: unknown): Promise<string>;
}

const TEXT = { type: 'string' } as const;

/** `memvid_put`, `memvid_find` and `memvid_ask` on one memory. They work without network and without embeddings. */
export function callableTools(memory: Memvid): CallableTool[] {
  return [
    {
      name: 'memvid_put',
      description: 'Store a document in the memory.',
      parameters: {
        type: 'object',
        properties: { title: TEXT, label: TEXT, text: TEXT, metadata: { type: 'object' } },
        required: ['title', 'label', 'text'],
      },
      async execute(args) {
        const { title, label, text, metadata } = argumentsOf(args);
        const input = { title, label, text, metadata } as Parameters<Memvid['put']>[0];
        return JSON.stringify({ frame_id: await memory.put(input) });
      },
    },
    {
      name: 'memvid_find',
      description: 'Search the memory for documents about a query.',
      parameters: {
        type: 'object',
        properties: { query: TEXT, top_k: { type: 'integer', minimum: 1, default: 5 } },
        required: ['query'],
      },
      async execute(args) {
        const { query, top_k: k } = argumentsOf(args);
        const { hits } = await memory.find(query as string, { k: (k as number | undefined) ?? 5 });
        return JSON.stringify(
          hits.map(({ frame_id, title, uri, snippet, score }) => ({ frame_id, title, uri, snippet, score })),
        );
      },
    },
    {
      name: 'memvid_ask',
      description: 'Answer a question from what the memory holds.',
      parameters: {
        type: 'object',
        properties: {
          question: TEXT,
          mode: { type: 'string', enum: ['lex', 'sem', 'auto'], default: 'lex' },
        },
        required: ['question'],
      },
      async execute(args) {
        const { question, mode } = argumentsOf(args);
        const { answer, sources } = await memory.ask(question as string, {
          mode: optionalOneOf(mode, 'mode', ['lex', 'sem', 'auto']),
        });
        return JSON.stringify({ answer, sources });
      },
    },
  ];
}

export function openaiTools(memory: Memvid): OpenAITool[] {
  return callableTools(memory).map(({ name, description, parameters, execute }) => ({
    type: 'function',
    function: { name, description, parameters },
    execute,
  }));
}

/** Models give arguments as JSON text, frameworks as objects. */
function argumentsOf(args: unknown): Readonly<Record<string, unknown>> {
  if (typeof args !== 'string') return optionsOf(args, 'arguments');
  let parsed: unknown;
  try {
    parsed = JSON.parse(args);
  } catch {
    parsed = args;
  }
  return isRecord(parsed) ? parsed : optionsOf(parsed, 'arguments');
}
