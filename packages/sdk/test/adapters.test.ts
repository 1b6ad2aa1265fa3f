import { describe, expect, it } from 'vitest';
import { use, type CallableTool, type OpenAITool } from '../src/index.ts';
import { freshPath } from './support/memory.ts';

describe('adapters', () => {
  it('basic offers nothing', async () => {
    await using memory = await use('basic', freshPath(), { mode: 'create' });
    expect([memory.tools, memory.functions, memory.nodes, memory.asQueryEngine]).toEqual([[], [], [], null]);
  });

  it.each(['crewai', 'autogen', 'google-adk', 'openai'] as const)(
    '%s: three tools that work offline',
    async (kind) => {
      await using memory = await use(kind, freshPath(), { mode: 'create' });
      const tools = memory.tools as (CallableTool | OpenAITool)[];
      const nameOf = (tool: CallableTool | OpenAITool): string =>
        'function' in tool ? tool.function.name : tool.name;
      expect(tools.map(nameOf)).toEqual(['memvid_put', 'memvid_find', 'memvid_ask']);
      const call = async (name: string, args: unknown): Promise<unknown> => {
        const tool = tools.find((candidate) => nameOf(candidate) === name);
        return JSON.parse((await tool?.execute(args)) ?? 'null') as unknown;
      };
      expect(
        await call('memvid_put', {
          title: 'Note',
          label: 'n',
          text: 'The walrus sleeps.',
          metadata: { a: 1 },
        }),
      ).toEqual({ frame_id: '0' });
      expect(await call('memvid_find', JSON.stringify({ query: 'walrus' }))).toMatchObject([
        { frame_id: 0, title: 'Note' },
      ]);
      expect(await call('memvid_ask', { question: 'What does the walrus do?', mode: 'auto' })).toMatchObject({
        answer: 'The walrus sleeps. [1]',
      });
      await expect(call('memvid_find', { query: 5 })).rejects.toMatchObject({ code: 'MV019' });
      await expect(call('memvid_find', 'not json')).rejects.toMatchObject({ code: 'MV019' });
    },
  );

  it('§17.21 tools write into the file of their own handle', async () => {
    await using first = await use('openai', freshPath(), { mode: 'create' });
    await using second = await use('openai', freshPath(), { mode: 'create' });
    await second.functions[0]?.execute({ title: 'T', label: 'l', text: 'only in the second' });
    expect((await first.stats()).frame_count).toBe(0);
    expect((await second.stats()).frame_count).toBe(1);
  });
});
