/**
 * Takes the data of server-sent events out of text as it comes, as the HTML standard has it: lines that end in LF, CR or
 * both, comments, data of several lines. An event is given as soon as the line that ends it is there; one that is not
 * ended when the text is over was cut off and is dropped.
 */
export class EventDecoder {
  /** The beginning of a line whose end has not come yet. */
  #rest = '';
  /** The lines of data of the event that is being read. */
  #data: string[] = [];
  /** Whether the last text ended in CR: a LF at the beginning of the next belongs to it. */
  #endedInReturn = false;

  /** The data of the events that `text` ends. */
  push(text: string): string[] {
    if (text === '') return [];
    const more = this.#endedInReturn && text.startsWith('\n') ? text.slice(1) : text;
    this.#endedInReturn = text.endsWith('\r');
    const events: string[] = [];
    const lines = more.split(/\r\n|\n|\r/);
    const rest = lines.pop() ?? '';
    if (lines.length === 0) {
      this.#rest += rest;
      return events;
    }
    lines[0] = this.#rest + lines[0];
    this.#rest = rest;
    for (const line of lines) {
      const event = this.#take(line);
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  /** The event that only lacks the blank line behind it: not every service writes one behind the last. */
  end(): string | undefined {
    return this.#rest === '' ? this.#take('') : undefined;
  }

  #take(line: string): string | undefined {
    if (line === '') {
      const data = this.#data;
      this.#data = [];
      return data.length === 0 ? undefined : data.join('\n');
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    // Comments have no name; `event`, `id` and `retry` say nothing about an answer.
    if (field !== 'data') return undefined;
    const value = colon < 0 ? '' : line.slice(colon + 1);
    this.#data.push(value.startsWith(' ') ? value.slice(1) : value);
    return undefined;
  }
}
