/**
 * The four pages of Kuma's documentation that Koguma implements, as they were when it began:
 * 000 zone ingress authentication (January 2023), 001 the same (April 2022),
 * 002 data plane proxy authentication (August 2022), 003 authentication with the API server (2.8).
 */
export type Page = '000' | '001' | '002' | '003';

/** One thing that a page says will happen, in our own words. */
export interface Promised {
  readonly page: Page;
  readonly section: string;
  readonly promise: string;
  /** `{file} > {describe} > {it}` as they are written there, or what is still missing. */
  readonly test: string;
}

export const NOT_YET = 'not yet';

/** Every heading of each page, in order. */
export const SECTIONS: Readonly<Record<Page, readonly string[]>> = {
  '000': [
    'Zone ingress authentication',
    'Service Account Token',
    'Zone ingress token',
    'Global vs zone control plane',
    'Usage',
    'Token Revocation',
    'Signing key rotation',
    'None',
  ],
  '001': [
    'Zone Ingress authentication',
    'Service Account Token',
    'Zone Ingress token',
    'Usage',
    'Token Revocation',
    'Signing key rotation',
    'Multizone',
    'None',
  ],
  '002': [
    'Data plane proxy authentication',
    'Service Account Token',
    'Data plane proxy token',
    'Usage',
    'Data Plane Proxy Token boundary',
    'Token Revocation',
    'Signing key rotation',
    'Token rotation',
    'Multizone',
    'None',
  ],
  '003': [
    'Authentication with the API server',
    'User token',
    'Groups',
    'Admin user token',
    'Generate user tokens',
    'Explore an example token',
    'Token revocation',
    'Signing key',
    'Signing key rotation',
    'Disabling bootstrap of the admin user token',
    'Offline token issuing',
    'Admin client certificates',
    'Multizone',
  ],
};

const ISSUED = 'test/topology/issuing.spec.ts > a token that a zone issues';
const GLOBAL_ISSUED = 'test/topology/issuing.spec.ts > a token that global issues';
const FIRST_START = 'test/topology/defaults.spec.ts > the first start';
const MESH = 'test/topology/defaults.spec.ts > a mesh';
const REVOKED = 'test/topology/revocation.spec.ts > a revocation of a %s token by the %s';
const LIST = 'test/topology/revocation.spec.ts > a revocation list';
const ROTATED = 'test/topology/rotation.spec.ts > the documented rotation of a signing key';
const ROTATION = 'test/topology/rotation.spec.ts > a rotation';
const OUTAGE = 'test/topology/outage.spec.ts > while global is away';
const IN_ZONE = 'test/topology/writes-in-zone.spec.ts > a zone with a global';
const USER = 'test/topology/user-tokens.spec.ts > a user token of %s';
const ADMIN = 'test/topology/user-tokens.spec.ts > the admin token';
const SWITCHED_OFF = 'test/topology/user-tokens.spec.ts > a control plane that may not issue user tokens';
const OFFLINE = 'test/topology/offline.spec.ts > a control plane';
const OFFLINE_MATRIX = `${OFFLINE} > for $kind tokens with enableIssuer $enableIssuer, useSecrets $useSecrets and a public key $listed issues and checks as it is told`;
const OWN_KEYS = 'test/topology/user-keys.spec.ts > keys and tokens of users';
const COPIED = 'test/topology/user-keys.spec.ts > a user token of global in a zone';
const DOOR = 'test/topology/proxy-door.spec.ts > a proxy that connects to its zone';
const BOUNDARY = 'libs/dp-server/src/boundaries.spec.ts > the boundary of a dataplane token';
const RIGHTS = 'test/topology/proxy-rights.spec.ts > open streams';
const OPEN_DOOR = 'test/topology/proxy-rights.spec.ts > a zone that does not ask proxies who they are';
const DP = 'test/topology/koguma-dp.spec.ts > koguma-dp run';
const RELOADED = 'test/topology/koguma-dp.spec.ts > a token that changes while koguma-dp runs';
const POD = 'libs/dp-server/src/service-accounts.spec.ts > a service account of a cluster that is asked by %s';
const PORTS = 'test/topology/ports.spec.ts > a control plane that nobody told otherwise';
const CERTIFICATES = 'test/topology/https.spec.ts > client certificates of administrators';

const CTL_CONFIG = 'test/topology/kogumactl-config.spec.ts';
const CTL_GET = 'test/topology/kogumactl-get.spec.ts > kogumactl get';
const CTL_APPLY = 'test/topology/kogumactl-apply.spec.ts > kogumactl apply';
const CTL_TOKEN = 'test/topology/kogumactl-generate.spec.ts > kogumactl generate with a control plane';
const CTL_KEY = 'test/topology/kogumactl-generate.spec.ts > kogumactl generate signing-key';
const CTL_OFFLINE = 'test/topology/kogumactl-generate.spec.ts > kogumactl generate without a control plane';
/** Commands for Kubernetes, by what does the same on Universal. */
const TYPED =
  'test/e2e/walkthrough.spec.ts > the walkthrough of the four pages > shows what a person sees who types it';

type Rows = readonly (readonly [promise: string, test: string])[];

/** What pages 000 and 001 both say of a zone ingress token, of its use and its keys. */
const ZONE_INGRESS = {
  authentication: [
    [
      'a zone ingress gets its configuration only when it has proven who it is',
      `${DOOR} > may be an %s (%s), with a %s token for %j`,
    ],
    ['there is more than one way to prove it', `${POD} > may be a zone ingress, too`],
  ],
  serviceAccount: [
    [
      'on Kubernetes a zone ingress proves itself with the token that is mounted in its pod',
      `${POD} > may be a zone ingress, too`,
    ],
  ],
  token: [
    [
      'on Universal a zone ingress is started with a token that proves its identity',
      `${DP} > is a zone ingress with --proxy-type=ingress and a file of its own`,
    ],
    [
      'the token is a signed JWT',
      `${ISSUED} > has the header of an RS256 JWT with the serial number of its key as kid`,
    ],
    [
      'the token says in which zone the zone ingress is',
      `${ISSUED} > is accepted by the zone, by the other zone and by global, when it is for a zone ingress`,
    ],
    ['the token must have an expiration date', `${ISSUED} > would be refused without an expiration date`],
    ['the expiration date is kept: after it the token is refused', `${ISSUED} > expires`],
    [
      'the token is valid for ten years when nobody says how long',
      `${ISSUED} > is valid for ten years when nobody says how long`,
    ],
    [
      'the signing key is made on the first start of the control plane',
      `${FIRST_START} > makes the keys of global on global, and no others`,
    ],
    [
      'it is made on the first start alone: later starts keep it',
      `${FIRST_START} > is the only one that makes keys: a later start leaves them as they are`,
    ],
    ['the control plane stores no tokens', `${ISSUED} > is stored nowhere`],
    [
      'the stored signing keys are what tokens are checked with',
      `${GLOBAL_ISSUED} > is refused where its kind, its mesh or its signature is not what is asked for`,
    ],
    [
      'tokens are signed with RS256',
      `${ISSUED} > has the header of an RS256 JWT with the serial number of its key as kid`,
    ],
    [
      'the key is found among the global secrets as zone-ingress-token-signing-key-1',
      `${FIRST_START} > makes the keys of global on global, and no others`,
    ],
    [
      'kumactl get global-secrets shows it in a table with NAME and AGE',
      `${CTL_GET} > shows the keys of the first start as the documents do`,
    ],
  ],
  multizone: [
    [
      'tokens can be issued on global and on a zone control plane, and are as good as each other',
      `${ISSUED} > is signed by the same key as one of global`,
    ],
    [
      'a token of a zone is accepted wherever one of global is',
      `${ISSUED} > is accepted by the zone, by the other zone and by global, when it is for a zone ingress`,
    ],
    [
      'zones have the private key for it without anybody’s doing',
      `${FIRST_START} > gives zones the private half of the zone-ingress and dataplane keys, so that they can issue`,
    ],
    [
      'a pipeline that issues on the zone does not need global: it is no single point of failure',
      `${OUTAGE} > zones issue tokens and check them as before`,
    ],
    [
      'that holds for a zone that starts while global is down, too',
      `${OUTAGE} > a zone that starts anew issues and checks tokens, and knows since when it is cut off`,
    ],
  ],
  usage: [
    [
      'POST of {"zone", "validFor"} as JSON to /tokens/zone-ingress answers the token',
      `${ISSUED} > is answered as bare text`,
    ],
    ['the API is on port 5681', `${PORTS} > serves its API on port 5681 and its health on 5680, as %s`],
    [
      'validFor is how long the token is valid from now',
      `${ISSUED} > is valid from five minutes ago until validFor from now, in whole seconds`,
    ],
    [
      'kumactl generate zone-ingress-token --zone --valid-for prints the token',
      `${CTL_TOKEN} > zone-ingress-token prints the token of pages 000 and 001, on a zone too`,
    ],
    [
      'kuma-dp run takes the token from a file',
      `${DP} > takes the token from a file, bootstraps, connects, and stops when told`,
    ],
    [
      'kuma-dp run with --proxy-type=ingress and --cp-address connects as a zone ingress',
      `${DP} > is a zone ingress with --proxy-type=ingress and a file of its own`,
    ],
    [
      'kuma-dp run takes the token from KUMA_DATAPLANE_RUNTIME_TOKEN',
      `${DP} > takes the token from KUMA_DATAPLANE_RUNTIME_TOKEN, and with it no file is read again`,
    ],
  ],
  revocation: [
    ['the control plane keeps no list of issued tokens', `${ISSUED} > is stored nowhere`],
    ['every token has an id of its own under jti', `${ISSUED} > has an id of its own, a UUID`],
    [
      'one compromised token can be made invalid by its id, and others stay valid',
      `${REVOKED} > made on global is refused in both zones, and other tokens pass`,
    ],
    ['the list holds ids separated by commas', `${REVOKED} > holds for every id of a list with commas between them`],
    [
      'the list is the GlobalSecret zone-ingress-token-revocations',
      `${REVOKED} > says which list and how many ids it holds`,
    ],
  ],
  rotation: [
    [
      'a key is a GlobalSecret named zone-ingress-token-signing-key-{serialNumber}',
      `${FIRST_START} > makes the keys of global on global, and no others`,
    ],
    [
      'a new key has a higher serial number than the present one, and one that has not is pointed out',
      `${ROTATION} > with a key that is lower than the highest warns that it does not sign`,
    ],
    [
      'new tokens are signed with the key of the highest serial number by themselves',
      `${ROTATED} > begins with a key of a higher serial number on global, which signs in the zones once it is there`,
    ],
    [
      'serial numbers are numbers: the highest is not the last in the alphabet',
      `${ROTATION} > compares serial numbers as numbers: 10 beats 9`,
    ],
    [
      'tokens of the new and of the old key are valid until the old one is removed',
      `${ROTATED} > goes on with tokens of both keys accepted everywhere`,
    ],
    [
      'once the old key is removed, only tokens of the new one are accepted',
      `${ROTATED} > ends with the old key deleted, and its tokens refused everywhere`,
    ],
    [
      'a proxy that connects with a token of the removed key is refused',
      `${RIGHTS} > of tokens with kid 1 end when key 1 is deleted on global, and new connections need a token of key 2`,
    ],
  ],
  none: [
    [
      'KUMA_DP_SERVER_AUTH_TYPE=none turns authentication of proxies off',
      `${OPEN_DOOR} > lets any proxy pass for any service`,
    ],
    ['without authentication any proxy can pass for any service', `${OPEN_DOOR} > lets any proxy pass for any service`],
  ],
} as const satisfies Record<string, Rows>;

export const PROMISES: readonly Promised[] = [
  ...on('000', 'Zone ingress authentication', ZONE_INGRESS.authentication),
  ...on('000', 'Service Account Token', ZONE_INGRESS.serviceAccount),
  ...on('000', 'Zone ingress token', ZONE_INGRESS.token),
  ...on('000', 'Global vs zone control plane', ZONE_INGRESS.multizone),
  ...on('000', 'Usage', ZONE_INGRESS.usage),
  ...on('000', 'Token Revocation', [
    ...ZONE_INGRESS.revocation,
    [
      'a list that echo and base64 made, with its line end, works',
      `${LIST} > made by echo and base64, with its line end, revokes`,
    ],
    [
      'the list can be applied as a Kubernetes Secret (with kubectl; here with kumactl’s apply)',
      `${CTL_APPLY} > applies a Secret of Kubernetes: a revocation list acts as the documents say`,
    ],
  ]),
  ...on('000', 'Signing key rotation', [
    ...ZONE_INGRESS.rotation,
    ['kubectl get secrets shows the keys with their serial numbers (here kumactl’s get)', TYPED],
    [
      'kumactl generate signing-key makes a key that can be stored as it is',
      `${CTL_KEY} > prints base64 without a line end, which can be stored as it is`,
    ],
    ['a new key can be applied as a Kubernetes Secret (with kubectl; here with kumactl’s apply)', TYPED],
    ['the old key can be removed with kubectl (here with kumactl’s delete)', TYPED],
  ]),
  ...on('000', 'None', ZONE_INGRESS.none),

  ...on('001', 'Zone Ingress authentication', ZONE_INGRESS.authentication),
  ...on('001', 'Service Account Token', ZONE_INGRESS.serviceAccount),
  ...on('001', 'Zone Ingress token', ZONE_INGRESS.token),
  ...on('001', 'Usage', ZONE_INGRESS.usage),
  ...on('001', 'Token Revocation', ZONE_INGRESS.revocation),
  ...on('001', 'Signing key rotation', ZONE_INGRESS.rotation),
  ...on('001', 'Multizone', ZONE_INGRESS.multizone),
  ...on('001', 'None', ZONE_INGRESS.none),

  ...on('002', 'Data plane proxy authentication', [
    [
      'a data plane proxy gets its configuration only when it has proven who it is',
      `${DOOR} > proves itself with the raw token: a scheme in front, or none, is refused`,
    ],
    ['there is more than one way to prove it', `${POD} > is the proxy whose pod is stored with its name`],
  ]),
  ...on('002', 'Service Account Token', [
    [
      'on Kubernetes a proxy proves itself with the token that is mounted in its pod',
      `${POD} > is the proxy whose pod is stored with its name`,
    ],
    [
      'such a token is bound to a namespace unless each Deployment has its own service account',
      `${POD} > is refused where %s is stored, whatever the proxy brings along`,
    ],
    ['such a token is not bound to a mesh', `${POD} > is any proxy whose pod has that account, in whatever mesh`],
  ]),
  ...on('002', 'Data plane proxy token', [
    [
      'on Universal a proxy is started with a token that proves its identity',
      `${DP} > takes the token from a file, bootstraps, connects, and stops when told`,
    ],
    [
      'the token is a signed JWT',
      `${ISSUED} > has the header of an RS256 JWT with the serial number of its key as kid`,
    ],
    [
      'the token says to which mesh the proxy belongs, its name and its tags',
      `${ISSUED} > has the claims of its kind first, in the order of Kuma, and the registered ones after them`,
    ],
    [
      'a token without a mesh is not issued',
      'test/topology/issuing.spec.ts > a zone that cannot issue > needs a mesh for a dataplane token',
    ],
    ['name and tags are optional', `${ISSUED} > can be for %s, and says no more than that`],
    ['the token must have an expiration date', `${ISSUED} > would be refused without an expiration date`],
    [
      'the token is valid for ten years when nobody says how long',
      `${ISSUED} > is valid for ten years when nobody says how long`,
    ],
    [
      'the signing key is made when its mesh is created',
      `${MESH} > gets a key of its own when it is created, in the zones too`,
    ],
    [
      'the mesh default has one from the first start on',
      `${FIRST_START} > makes the mesh default together with its key`,
    ],
    ['the control plane stores no tokens', `${ISSUED} > is stored nowhere`],
    [
      'the stored signing keys are what tokens are checked with, each in its own mesh',
      `${GLOBAL_ISSUED} > is refused where its kind, its mesh or its signature is not what is asked for`,
    ],
    [
      'tokens are signed with RS256',
      `${ISSUED} > has the header of an RS256 JWT with the serial number of its key as kid`,
    ],
    [
      'the key is found among the secrets of the mesh as dataplane-token-signing-key-default-1',
      `${FIRST_START} > makes the mesh default together with its key`,
    ],
    [
      'kumactl get secrets shows it in a table with MESH, NAME and AGE',
      `${CTL_GET} > shows the keys of a new mesh as the documents do`,
    ],
  ]),
  ...on('002', 'Usage', [
    [
      'POST of {"name", "mesh", "tags", "validFor"} as JSON to /tokens/dataplane answers the token',
      `${ISSUED} > has the claims of its kind first, in the order of Kuma, and the registered ones after them`,
    ],
    [
      'kumactl generate dataplane-token --name --mesh --tag --valid-for prints the token',
      `${CTL_TOKEN} > dataplane-token prints the token of page 002, and nothing else`,
    ],
    [
      'kuma-dp run takes the token from a file',
      `${DP} > takes the token from a file, bootstraps, connects, and stops when told`,
    ],
    [
      'kuma-dp run takes the token from KUMA_DATAPLANE_RUNTIME_TOKEN',
      `${DP} > takes the token from KUMA_DATAPLANE_RUNTIME_TOKEN, and with it no file is read again`,
    ],
  ]),
  ...on('002', 'Data Plane Proxy Token boundary', [
    [
      'a token can be for a mesh alone, for a mesh and tags, for a mesh, a name and tags',
      `${ISSUED} > can be for %s, and says no more than that`,
    ],
    [
      'the control plane compares the proxy that connects with its token',
      'test/topology/proxy-door.spec.ts > the boundary of a token, as the documents draw it > with %s: %s',
    ],
    ['a token with only a mesh is good for every proxy of that mesh', `${BOUNDARY} > holds %s`],
    ['a token with tags is good for every proxy whose values of these tags are all listed', `${BOUNDARY} > holds %s`],
    [
      'a proxy with a value that its token does not list is refused, also when it has another that is listed',
      `${BOUNDARY} > does not hold %s`,
    ],
    ['a token with a name is good for the proxy of that name alone', `${BOUNDARY} > does not hold %s`],
  ]),
  ...on('002', 'Token Revocation', [
    ['the control plane keeps no list of issued tokens', `${ISSUED} > is stored nowhere`],
    ['every token has an id of its own under jti', `${ISSUED} > has an id of its own, a UUID`],
    [
      'one compromised token can be made invalid by its id, and others stay valid',
      `${REVOKED} > made on global is refused in both zones, and other tokens pass`,
    ],
    ['the list holds ids separated by commas', `${REVOKED} > holds for every id of a list with commas between them`],
    [
      'the list is the Secret dataplane-token-revocations-{mesh}',
      `${REVOKED} > says which list and how many ids it holds`,
    ],
    ['the list counts for its own mesh', `${LIST} > of one mesh says nothing of the tokens of another`],
  ]),
  ...on('002', 'Signing key rotation', [
    [
      'a key is a Secret named dataplane-token-signing-key-{mesh}-{serialNumber}',
      `${MESH} > gets a key of its own when it is created, in the zones too`,
    ],
    [
      'a new key with a higher serial number signs, the tokens of both are valid, and those of the removed one are refused',
      `${ROTATED} > works for the key of a mesh, and leaves other meshes alone`,
    ],
    [
      'serial numbers are numbers: the highest is not the last in the alphabet',
      `${ROTATION} > compares serial numbers as numbers: 10 beats 9`,
    ],
    [
      'a proxy that connects with a token of the removed key is refused',
      `${RIGHTS} > of tokens with kid 1 end when key 1 is deleted on global, and new connections need a token of key 2`,
    ],
  ]),
  ...on('002', 'Token rotation', [
    [
      'dpServer.auth.useTokenPath makes tokens reloadable',
      `${RELOADED} > is read once where tokens are not reloadable`,
    ],
    [
      'kuma-dp notices that its token file changed, and connects with the new token from then on',
      `${RELOADED} > is shown on the next connection: %s`,
    ],
  ]),
  ...on('002', 'Multizone', [
    [
      'tokens can be issued on global and on a zone control plane, and are accepted everywhere',
      `${ISSUED} > is accepted by the zone, by the other zone and by global, when it is for a dataplane`,
    ],
    [
      'a pipeline that issues on the zone does not need global: it is no single point of failure',
      `${OUTAGE} > zones issue tokens and check them as before`,
    ],
    [
      'keys are rotated on global, and zones follow',
      `${ROTATED} > begins with a key of a higher serial number on global, which signs in the zones once it is there`,
    ],
    [
      'tokens are revoked on global, and zones follow',
      `${REVOKED} > made on global is refused in both zones, and other tokens pass`,
    ],
    [
      'a zone takes neither: it says that global is the place',
      `${IN_ZONE} > refuses to write the %s at %s, which global owns, and says where to go`,
    ],
    [
      'what was rotated or revoked while a zone was away reaches it later',
      'test/topology/outage.spec.ts > what happened while zones were %s > is made up for: a rotation from its first to its last step',
    ],
  ]),
  ...on('002', 'None', [
    [
      'KUMA_DP_SERVER_AUTH_TYPE=none turns authentication of proxies off',
      `${OPEN_DOOR} > lets any proxy pass for any service`,
    ],
    ['without authentication any proxy can pass for any service', `${OPEN_DOOR} > lets any proxy pass for any service`],
  ]),

  ...on('003', 'Authentication with the API server', [
    ['the API is on port 5681', `${PORTS} > serves its API on port 5681 and its health on 5680, as %s`],
    ['the API is on port 5682 with TLS', `${PORTS} > serves its API with TLS on port 5682, as %s`],
    [
      'an administrator manages secrets, and generates tokens of every kind',
      `${USER} > lets the administrator do everything`,
    ],
    ['others may not', `${USER} > lets nobody else administer, and neither does its absence`],
  ]),
  ...on('003', 'User token', [
    [
      'a user token is a signed JWT with the name of the user, the groups and the expiration date',
      `${USER} > holds the name, the groups and the expiration date, in the order and the times of Kuma`,
    ],
    [
      'its holder is that user',
      `${USER} > makes its holder that user, in those groups and in mesh-system:authenticated`,
    ],
    ['the expiration date is kept', `${USER} > is refused when it has expired`],
  ]),
  ...on('003', 'Groups', [
    [
      'a user can be in many groups',
      `${USER} > makes its holder that user, in those groups and in mesh-system:authenticated`,
    ],
    [
      'who is authenticated is in mesh-system:authenticated',
      `${USER} > makes its holder that user, in those groups and in mesh-system:authenticated`,
    ],
    [
      'who is not is in mesh-system:unauthenticated',
      `${USER} > makes the difference: without one, a caller is in mesh-system:unauthenticated`,
    ],
  ]),
  ...on('003', 'Admin user token', [
    [
      'an admin token is made on the first start, for the user mesh-system:admin in the group mesh-system:admin',
      `${FIRST_START} > makes an admin token for the user and the group mesh-system:admin, with which its control plane is administered`,
    ],
    ['that group may do everything by default', `${USER} > lets the administrator do everything`],
    [
      'the token is kept as the global secret admin-user-token, in base64',
      `${FIRST_START} > makes an admin token for the user and the group mesh-system:admin, with which its control plane is administered`,
    ],
    ['kubectl gets it from the Kubernetes Secret (here the API from the GlobalSecret)', TYPED],
    ['the API can be reached from outside through port forwarding, a load balancer or an Ingress', NOT_YET],
    [
      'kumactl config control-planes add takes --auth-type=tokens and --auth-conf token=',
      `${CTL_CONFIG} > kogumactl config control-planes > add takes a token that is good there, and sends it from then on`,
    ],
    [
      'kumactl verifies the control plane with --ca-cert-file, or not with --skip-verify',
      `${CTL_CONFIG} > a control plane on port 5682, which is TLS > is verified: by the CA that it is added with`,
    ],
  ]),
  ...on('003', 'Generate user tokens', [
    [
      'only who is authorized to generates user tokens',
      `${USER} > lets nobody else administer, and neither does its absence`,
    ],
    ['who shows the admin token is', `${USER} > lets the administrator do everything`],
    [
      'kumactl generate user-token --name --group --valid-for prints the token',
      `${CTL_TOKEN} > user-token prints the token of page 003`,
    ],
    [
      'POST of {"name", "groups", "validFor"} with a bearer token to /tokens/user answers the token',
      `${USER} > lets the administrator do everything`,
    ],
    [
      'a user token must say how long it is valid',
      'test/topology/issuing.spec.ts > a user token > must say how long it is valid, unlike the other kinds',
    ],
  ]),
  ...on('003', 'Explore an example token', [
    [
      'a token can be decoded and its signature validated with any tool',
      `${USER} > can be checked with any tool that knows RS256, by the public half of that key`,
    ],
    [
      'the header has alg RS256, the serial number of the key as kid, and typ JWT',
      `${USER} > holds the name, the groups and the expiration date, in the order and the times of Kuma`,
    ],
    [
      'the payload has Name, Groups, exp, nbf, iat and jti; nbf is five minutes before iat, exp is validFor after it',
      `${USER} > holds the name, the groups and the expiration date, in the order and the times of Kuma`,
    ],
    ['kumactl generate user-token can be piped into a decoder', TYPED],
  ]),
  ...on('003', 'Token revocation', [
    ['the control plane keeps no list of issued tokens', `${ISSUED} > is stored nowhere`],
    [
      'the ids on the GlobalSecret user-token-revocations, separated by commas, are refused, and others are not',
      `${USER} > is refused once its id is on the list user-token-revocations, and others are not`,
    ],
    [
      'every user token has its own id under jti',
      `${USER} > holds the name, the groups and the expiration date, in the order and the times of Kuma`,
    ],
    [
      'the list can be applied as a Kubernetes Secret (with kubectl; here with kumactl’s apply)',
      `${CTL_APPLY} > applies a Secret of Kubernetes: a revocation list acts as the documents say`,
    ],
  ]),
  ...on('003', 'Signing key', [
    ['the key is made on the first start', `${FIRST_START} > makes the keys of global on global, and no others`],
    [
      'the key has 2048 bits and is the GlobalSecret user-token-signing-key-{serialNumber}',
      `${USER} > is signed by a 2048-bit RSA key, kept as the GlobalSecret user-token-signing-key-1`,
    ],
  ]),
  ...on('003', 'Signing key rotation', [
    [
      'a key with a higher serial number signs new tokens, and the tokens of both keys are valid',
      `${ROTATED} > works for the key of user tokens on one control plane`,
    ],
    [
      'once the old key is removed, only tokens of the new one are accepted',
      `${USER} > survives the rotation of its key until the old one is deleted`,
    ],
    ['kubectl get secrets shows the keys with their serial numbers (here kumactl’s get)', TYPED],
    [
      'kumactl generate signing-key makes a key that can be stored as it is',
      `${CTL_KEY} > prints base64 without a line end, which can be stored as it is`,
    ],
    ['the old key can be removed with kubectl (here with kumactl’s delete)', TYPED],
  ]),
  ...on('003', 'Disabling bootstrap of the admin user token', [
    [
      'the admin token can be deleted, and is not made again with KUMA_API_SERVER_AUTHN_TOKENS_BOOTSTRAP_ADMIN_TOKEN=false',
      `${ADMIN} > that was deleted is not made again where the bootstrap is off, and the signing key is still there`,
    ],
    [
      'without that setting it is made again at the next start',
      `${ADMIN} > that was deleted stays away until the next start, which makes another`,
    ],
    [
      'the signing key stays, and who has it can make an admin token',
      `${USER} > may be made by any tool that knows RS256 and has that key`,
    ],
  ]),
  ...on('003', 'Offline token issuing', [
    [
      'a control plane can be configured with public keys alone, and verify with them',
      `${OFFLINE} > that has public keys alone holds no private key at all, and knows its users`,
    ],
    [
      'all tokens can be made without running a control plane',
      'libs/auth/src/offline.spec.ts > a token that is signed without a control plane > of kind %s says what one of a control plane says',
    ],
    [
      'with the issuer and the secrets both off, the control plane has no private key for user tokens',
      'test/topology/defaults.spec.ts > a control plane that may neither issue user tokens nor take keys for them from secrets > makes no user key and no admin token',
    ],
    [
      'kumactl generate signing-key --format=pem prints an RSA private key of 2048 bits as PEM',
      `${CTL_KEY} > --format=pem prints PEM, of which public-key prints the public half`,
    ],
    [
      'kumactl generate public-key --signing-key-path prints its public half as PEM',
      `${CTL_KEY} > --format=pem prints PEM, of which public-key prints the public half`,
    ],
    [
      'keys of any other tool can be used, too',
      `${OFFLINE} > takes public keys of openssl in the form %s, from the configuration and from a file`,
    ],
    [
      'enableIssuer: false turns the issuer off',
      `${SWITCHED_OFF} > says so, and goes on to check those that it has issued`,
    ],
    [
      'validator.useSecrets: false takes no keys from secrets',
      `${SWITCHED_OFF} > checks none of them when it may not take keys from secrets either`,
    ],
    [
      'validator.publicKeys lists keys, each with its kid',
      `${OFFLINE} > says of a token which of its public keys was used`,
    ],
    [
      'kumactl generate user-token takes --signing-key-path and --kid, and signs by itself',
      `${CTL_OFFLINE} > makes tokens that are accepted where the public key is configured`,
    ],
    [
      'any system that signs RS256 with the claims Name and Groups can issue',
      `${OFFLINE} > takes tokens of any system that signs RS256: here openssl alone`,
    ],
    ['offline and online issuing work side by side with enableIssuer: true', OFFLINE_MATRIX],
    [
      'configured keys and secrets work side by side with useSecrets: true',
      `${OFFLINE} > tries a public key and a secret with one kid both, and neither hides the other`,
    ],
    ['revocation is the same for tokens that were issued offline', OFFLINE_MATRIX],
    [
      'keys are rotated by configuring the old and the new public key, then the new one alone',
      `${OFFLINE} > rotates public keys as the documents say: the old and the new one, then the new one alone`,
    ],
  ]),
  ...on('003', 'Admin client certificates', [
    [
      'KUMA_API_SERVER_AUTHN_TYPE=adminClientCerts turns client certificates on',
      `${CERTIFICATES} > take the place of user tokens: there is no key, no admin token, none is issued and none accepted`,
    ],
    [
      'who shows a client certificate is mesh-system:admin in the group mesh-system:admin',
      `${CERTIFICATES} > make who shows one mesh-system:admin in the group mesh-system:admin, as many as are listed`,
    ],
    [
      'kumactl generate tls-certificate --type=client makes a certificate and a key',
      'apps/kogumactl/src/generate/tls-certificate.spec.ts > generate tls-certificate > makes one for a client, whose name nobody asks for',
    ],
    [
      'a control plane takes as many client certificates as are configured, without their keys',
      `${CERTIFICATES} > make who shows one mesh-system:admin in the group mesh-system:admin, as many as are listed`,
    ],
    [
      'kumactl config control-planes add takes --client-cert-file and --client-key-file',
      `${CTL_CONFIG} > a client certificate of an administrator > is made by kogumactl, and is shown by it when the control plane was added with it`,
    ],
  ]),
  ...on('003', 'Multizone', [
    [
      'tokens for dataplanes are issued on a zone, too',
      `${ISSUED} > is accepted by the zone, by the other zone and by global, when it is for a dataplane`,
    ],
    [
      'global does not send keys and tokens of users to zones',
      `${OWN_KEYS} > never leave their control plane, while the zone ingress key does: every byte of the links is searched`,
    ],
    [
      'so a user token of global is not good in a zone at first',
      `${COPIED} > is refused before its key is copied, since the kid is the same and the key is not`,
    ],
    [
      'copying the signing key from global to a zone by hand makes user tokens good in both',
      `${COPIED} > is good once the key was copied by hand, there and not in the other zone`,
    ],
    ['a zone takes that key', `${IN_ZONE} > takes keys for its own users`],
    ['the copy stays', `${COPIED} > stays good after a restart of the zone and after a full resync`],
  ]),
];

function on(page: Page, section: string, rows: Rows): Promised[] {
  return rows.map(([promise, test]) => ({ page, section, promise, test }));
}
