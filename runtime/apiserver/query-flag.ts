/** Booleans in a query. Pure. Source: k8s.io/apimachinery pkg/runtime conversion.go. */

/** As upstream: whatever is given and neither `false` nor `0` is a yes, the empty text too. */
export const isTrue = (value: string | undefined): boolean =>
  value !== undefined && value !== '0' && value.toLowerCase() !== 'false';
