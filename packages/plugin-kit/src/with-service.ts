import { KEY, withoutSettings } from './failures.js';
import { type Service, type ServiceReply, type ServiceRequest, startService } from './service.js';

/** How what is tested reaches the service. */
export interface ServiceOptions {
  baseURL: string;
  apiKey?: string | undefined;
  timeoutMs?: number | undefined;
  fetch?: typeof globalThis.fetch | undefined;
  /** More headers of each request, where they are taken. */
  headers?: Readonly<Record<string, string>> | undefined;
}

/** What asks a service, and the settings it reads. */
export interface ServiceClient<T> {
  /** Makes it for the service at `baseURL`. */
  create: (options: ServiceOptions) => T;
  /** The environment variables of the key, the first of which errors name. */
  variables: readonly string[];
  /** Environment variables that would change requests; they are taken away during the tests. */
  settings?: readonly string[] | undefined;
}

/** Runs a test with a service and what asks it, and with none of the user's settings. */
export async function withService<T>(
  client: ServiceClient<T>,
  reply: (request: ServiceRequest, count: number) => ServiceReply,
  test: (service: Service, made: T) => Promise<void>,
  options: Omit<ServiceOptions, 'baseURL'> = { apiKey: KEY },
): Promise<void> {
  const service = await startService(reply);
  const restore = withoutSettings([...client.variables, ...(client.settings ?? []), 'MEMVID_OFFLINE']);
  try {
    await test(service, client.create({ baseURL: service.url, ...options }));
  } finally {
    restore();
    await service.close();
  }
}
