// An OpenID provider for tests. Arguments: the port and the options, as JSON:
//
//   clients    as oidc-provider takes them
//   resources  { "https://api.example": "scope1 scope2" }: resource servers whose access tokens are JWTs,
//              or opaque: { "https://api.example": { "scope": "scope1 scope2", "format": "opaque" } }
//   settings   anything else of oidc-provider's configuration, laid over what is below
//
// Users are made by signing in: the login name is the subject, any password is right.
// A line "rotate" on standard input makes a new signing key; the earlier ones stay published.
// A line "retire" takes the earlier ones out of the set.
// The keys are kept in keys.json in the working directory, so that a restart changes none.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import readline from 'node:readline';
import Provider from 'oidc-provider';

const [port, json] = process.argv.slice(2);
const { clients = [], resources = {}, settings = {} } = JSON.parse(json);
const issuer = `http://127.0.0.1:${port}`;

const file = 'keys.json';
let keys = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file)) : [];
let answer;

function addKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' };
  // The first key signs.
  keys = [jwk, ...keys];
}

function build() {
  fs.writeFileSync(file, JSON.stringify(keys));
  const provider = new Provider(issuer, {
    clients,
    jwks: { keys },
    cookies: { keys: ['for tests only'] },
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'preferred_username'],
    },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        email: `${id}@users.example`,
        email_verified: true,
        name: id,
        preferred_username: id,
      }),
    }),
    pkce: { required: () => false },
    ...settings,
    features: {
      backchannelLogout: { enabled: true },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      dPoP: { enabled: true },
      introspection: { enabled: true },
      jwtIntrospection: { enabled: true },
      jwtUserinfo: { enabled: true },
      jwtResponseModes: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => {
          if (!(resource in resources)) {
            throw Object.assign(new Error('invalid_target'), {
              error: 'invalid_target', status: 400, statusCode: 400, expose: true,
            });
          }
          const known = resources[resource];
          const { scope, format } = typeof known === 'string' ? { scope: known, format: 'jwt' } : known;
          return {
            scope,
            audience: resource,
            accessTokenFormat: format,
            accessTokenTTL: 600,
            ...(format === 'jwt' && { jwt: { sign: { alg: 'RS256' } } }),
          };
        },
      },
      ...settings.features,
    },
  });
  provider.on('server_error', (_, error) => console.error(error));
  answer = provider.callback();
}

if (keys.length === 0) addKey();
build();
http.createServer((request, response) => answer(request, response)).listen(Number(port), '127.0.0.1');

const commands = readline.createInterface({ input: process.stdin });
commands.on('line', (line) => {
  if (line === 'rotate') addKey();
  if (line === 'retire') keys = keys.slice(0, 1);
  build();
});
// Whoever started it has gone.
commands.on('close', () => process.exit());
