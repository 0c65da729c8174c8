/** One check, as the router tells it. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export function allOk(checks: readonly Check[]): boolean {
  return checks.every(({ ok }) => ok);
}

/**
 * The text of `/livez` and `/readyz`, as Kubernetes and etcd print it: `ok`, or with `verbose` one line per check,
 * `[+]name ok` or `[-]name failed: why`. Failed checks are listed in any case.
 */
export function renderChecks(endpoint: string, checks: readonly Check[], verbose: boolean): string {
  const ok = allOk(checks);
  if (ok && !verbose) return 'ok';
  const lines = checks.map((check) => (check.ok ? `[+]${check.name} ok` : `[-]${check.name} failed: ${check.detail}`));
  return [...lines, `${endpoint} check ${ok ? 'passed' : 'failed'}`, ''].join('\n');
}
