// pure: named sizes (bytes) and times (milliseconds).
export const KiB = 1024;
export const MiB: number = 1024 * KiB;
export const GiB: number = 1024 * MiB;
export const TiB: number = 1024 * GiB;
export const second = 1000;
export const minute: number = 60 * second;
export const hour: number = 60 * minute;
export const day: number = 24 * hour;
