// driven: public surface of @batchain/lab.
export type { LabFaults } from './faults/fault-table.ts';
export * from './lab.ts';
export * from './lab-types.ts';
export * from './limits.ts';
