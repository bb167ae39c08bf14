// pure: the words for how a file stands; flow and audit judge them, the owner's records keep them.

/** Of the worst segment: `good` = n shards, `degraded` = happy to n-1, `at-risk` = k to happy-1, `lost` = fewer than k can ever be right. */
export type Health = 'good' | 'degraded' | 'at-risk' | 'lost' | 'unknown';
