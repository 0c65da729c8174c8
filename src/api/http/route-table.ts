interface Entry {
  readonly pattern: RegExp;
  readonly methods: Set<string>;
}

/** Which methods a path takes: for 405 and its Allow header. */
export class RouteTable {
  readonly #entries = new Map<string, Entry>();

  /** `path` in fastify's notation. */
  add(method: string, path: string): void {
    const entry = this.#entries.get(path) ?? { pattern: patternOf(path), methods: new Set() };
    entry.methods.add(method);
    if (method === 'GET') entry.methods.add('HEAD');
    this.#entries.set(path, entry);
  }

  /** Sorted; empty when there is no such path. */
  methodsOf(path: string): readonly string[] {
    const methods = new Set<string>();
    for (const entry of this.#entries.values()) {
      if (entry.pattern.test(path)) for (const method of entry.methods) methods.add(method);
    }
    return [...methods].sort();
  }
}

function patternOf(path: string): RegExp {
  const escaped = path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/:[a-z]+/g, '[^/]+')}$`);
}
