/**
 * The order of API versions: `v2` before `v1` before `v1beta2` before `v1alpha1`, and names of any
 * other shape last, by the alphabet. Pure. Source: k8s.io/apimachinery pkg/version (behaviour).
 */
const versionPattern = /^v(\d+)(?:(alpha|beta)(\d+))?$/;
const stabilities = ['alpha', 'beta', undefined];

/** Sorts the version that clients should prefer first. */
export function compareVersions(a: string, b: string): number {
  const left = versionPattern.exec(a);
  const right = versionPattern.exec(b);
  if (!left || !right) {
    if (left) return -1;
    if (right) return 1;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  return (
    stabilities.indexOf(right[2]) - stabilities.indexOf(left[2]) ||
    Number(right[1]) - Number(left[1]) ||
    Number(right[3] ?? 0) - Number(left[3] ?? 0)
  );
}
