/** Every case, by topic. A topic is one file of recordings. */
import type { Case } from './case.ts';
import { crdCases } from './cases/crd.ts';
import { createCases } from './cases/create.ts';
import { patchCases } from './cases/patch.ts';
import { applyCases } from './cases/apply.ts';
import { deleteCases } from './cases/delete.ts';
import { kindCases } from './cases/kinds.ts';
import { accessCases } from './cases/access.ts';
import { openapiCases } from './cases/openapi.ts';
import { tableCases } from './cases/table.ts';
import { protobufCases } from './cases/protobuf.ts';
import { yamlCases } from './cases/yaml.ts';
import { discoveryCases } from './cases/discovery.ts';
import { ownershipCases } from './cases/ownership.ts';
import { networkCases } from './cases/network.ts';
import { readCases } from './cases/read.ts';
import { updateCases } from './cases/update.ts';
import { watchCases } from './cases/watch.ts';

export const topics: Readonly<Record<string, readonly Case[]>> = {
  create: createCases,
  read: readCases,
  update: updateCases,
  patch: patchCases,
  apply: applyCases,
  ownership: ownershipCases,
  delete: deleteCases,
  watch: watchCases,
  network: networkCases,
  discovery: discoveryCases,
  access: accessCases,
  protobuf: protobufCases,
  yaml: yamlCases,
  table: tableCases,
  openapi: openapiCases,
  kinds: kindCases,
  crd: crdCases,
};
