/** The way from one machine to another, one direction. */
export class Path {
  /** `loud`: whoever tries is told that there is no way. */
  cut: 'none' | 'silent' | 'loud' = 'none';
  /** Nothing arrives before. */
  clogUntilUs = 0;

  /** True while nothing gets through. */
  isBlocked(nowUs: number): boolean {
    return this.cut !== 'none' || this.clogUntilUs > nowUs;
  }
}

/** Paths by their ends, made when they are first asked for. */
export class Paths {
  readonly #from = new Map<string, Map<string, Path>>();

  between(from: string, to: string): Path {
    let paths = this.#from.get(from);
    if (paths === undefined) {
      paths = new Map();
      this.#from.set(from, paths);
    }
    let path = paths.get(to);
    if (path === undefined) {
      path = new Path();
      paths.set(to, path);
    }
    return path;
  }

  healAll(): void {
    for (const paths of this.#from.values()) {
      for (const path of paths.values()) {
        path.cut = 'none';
        path.clogUntilUs = 0;
      }
    }
  }
}
