// pure: what a line of the shell asks for, once it is understood.

export interface PortRange {
  readonly from: number;
  readonly to: number;
}

export type ShellRequest =
  | { readonly kind: 'help'; readonly verb: string | undefined }
  | { readonly kind: 'listening' }
  | { readonly kind: 'multi'; readonly nodes: number | undefined }
  | { readonly kind: 'find'; readonly host: string | undefined; readonly ports: PortRange | undefined }
  | { readonly kind: 'locate'; readonly hash: string | undefined }
  | { readonly kind: 'join'; readonly addresses: readonly string[] }
  | { readonly kind: 'leave'; readonly how: 'hand-over' | 'yes' | 'emergency' }
  | { readonly kind: 'size' }
  | { readonly kind: 'routes'; readonly form: 'full' | 'csv' }
  | {
      readonly kind: 'write';
      readonly isLocal: boolean;
      readonly file: string | undefined;
      readonly pieceBytes: number | undefined;
      readonly key: string | undefined;
    }
  | { readonly kind: 'read'; readonly isLocal: boolean; readonly key: string | undefined; readonly target: string | undefined }
  | { readonly kind: 'delete'; readonly isLocal: boolean; readonly key: string | undefined }
  | { readonly kind: 'local-dump' }
  | { readonly kind: 'peer-dump' }
  | { readonly kind: 'list' }
  | { readonly kind: 'test'; readonly bytes: number | undefined }
  | { readonly kind: 'clear'; readonly isConfirmed: boolean }
  | { readonly kind: 'exit' };

export type RequestKind = ShellRequest['kind'];
export type RequestOf<K extends RequestKind> = Extract<ShellRequest, { readonly kind: K }>;
