/**
 * Cases in which Knit's API server answers otherwise than the real one, each with the reason. A case
 * that starts to agree must leave the list: the tests fail until it does.
 */
export const knownDifferences: Readonly<Record<string, string>> = {
  'network: a Service changed from headless to no address':
    'the real one counts a new version although the object is the same as before',
  'network: an EndpointSlice changed to another address type':
    'the real one answers null for lists that are sent empty',
  'impersonation: no credentials, and wrong ones':
    'nobody is let in without credentials here: 401 where the real one asks its rules about anonymous people',
  'get: with the timeout "1ns"':
    'an answer that is ready at once is sent, however little time was given',
  'openapi: the index has documents by group and version, with hashes':
    'the index is JSON and says so, where the real one forgets its type',
  'yaml: a body with a tab': 'says what is wrong in the words of another YAML parser',
  'yaml: a body with an open bracket': 'says what is wrong in the words of another YAML parser',
  'yaml: an apply': 'says what is wrong in the words of another YAML parser',
  'yaml: writes the text "word word word word word"':
    'the real one folds long lines; both read the same',
  'apply: YAML': 'says what is wrong in the words of another YAML parser',
  'json patch: the whole document':
    'the real one reads a document that does not say its kind by an inner type, and warns of every field by that',
  'json patch: the kind':
    'refused with the same code; the real one reads the object as the other kind first, and tells what it stumbles on there',
  'merge patch: the kind':
    'refused with the same code; the real one reads the object as the other kind first, and tells what it stumbles on there',
  'update: most of a Pod is immutable':
    'the real one adds a diff of its inner structures to the refusal, which no client reads',
};
