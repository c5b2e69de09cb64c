/**
 * The columns that kubectl shows of built-in kinds, where JSONPaths cannot tell them. Pure.
 * Source: k8s.io/kubernetes pkg/printers/internalversion (columns and cells).
 */
import { corePrinters } from './core-printers.ts';
import { policyPrinters } from './policy-printers.ts';
import type { Printer } from './printer.ts';
import { storagePrinters } from './storage-printers.ts';
import { workloadPrinters } from './workload-printers.ts';

/** By the resource's name in the store. */
const printers: ReadonlyMap<string, Printer> = new Map(
  Object.entries({ ...corePrinters, ...workloadPrinters, ...storagePrinters, ...policyPrinters }),
);

/** @returns undefined for kinds whose columns are JSONPaths. */
export const findBuiltinPrinter = (storeName: string): Printer | undefined =>
  printers.get(storeName);
