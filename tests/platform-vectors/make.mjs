// Makes alipay.json with Alipay's own SDK for Node.js: what it signs, what it believes, what it encrypts. The keys are kept
// from the file that is there, so that the same version makes the same file. `run` calls this.
import { createRequire } from 'node:module';
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const [, , sdkFolder, file] = process.argv;
const require = createRequire(join(sdkFolder, 'package.json'));
const main = require.resolve('alipay-sdk');
const util = require(join(dirname(main), 'util.js'));
const { AlipaySdk } = require('alipay-sdk');
const version = JSON.parse(readFileSync(join(sdkFolder, 'package.json'))).dependencies['alipay-sdk'];

const der = (key, type) => key.export({ type, format: 'der' }).toString('base64');
function pair() {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { pkcs8: der(privateKey, 'pkcs8'), pkcs1: der(privateKey, 'pkcs1'), public: der(publicKey, 'spki') };
}
const keys = existsSync(file)
  ? JSON.parse(readFileSync(file)).keys
  : { ours: pair(), alipay: pair(), aes: randomBytes(16).toString('base64') };
const privateKey = (base64) => createPrivateKey({ key: Buffer.from(base64, 'base64'), type: 'pkcs8', format: 'der' });
const pem = (base64) =>
  createPublicKey({ key: Buffer.from(base64, 'base64'), type: 'spki', format: 'der' }).export({ type: 'spki', format: 'pem' });

const config = {
  appId: '2021000000000001', charset: 'utf-8', version: '1.0', signType: 'RSA2', privateKey: privateKey(keys.ours.pkcs8),
};
const requests = [
  ['alipay.system.oauth.token', { grantType: 'authorization_code', code: '4b203fe6c11548bcabd8da5bb087a83b' }],
  ['alipay.open.app.qrcode.create', {
    bizContent: { url_param: 'pages/scan/index', query_param: 'scene=0123456789ABCDEFGHJK/in', describe: '翠湖超市 "东门" & 100%=+' },
  }],
].map(([method, params]) => {
  const parameters = util.sign(method, { format: 'JSON', timestamp: '2020-02-12 12:00:00', ...params }, config);
  const { sign, ...rest } = parameters;
  return { parameters: rest, sign };
});

const sdk = new AlipaySdk({
  appId: config.appId, keyType: 'PKCS8', privateKey: keys.ours.pkcs8, alipayPublicKey: keys.alipay.public, signType: 'RSA2',
});
const sign = (text) => util.signatureV3(text, privateKey(keys.alipay.pkcs8));
const object = '{"user_id":"2088102150477652", "open_id":"074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5",\n "expires_in":"300"}';
const answers = [
  ['as it was sent', object, sign(object), object],
  ['with spaces less', object, sign(object), object.replaceAll(' ', '')],
  ['by another key', object, util.signatureV3(object, config.privateKey), object],
  ['of another object', object, sign('{}'), object],
].map(([about, , signature, sent]) => {
  const body = `{"alipay_system_oauth_token_response":${sent},"sign":"${signature}"}`;
  let good = true;
  try {
    sdk.checkResponseSign(body, 'alipay_system_oauth_token_response', signature, '');
  } catch {
    good = false;
  }
  return { about, body, good };
});

const phone = (content) => {
  const cipher = util.aesEncrypt(content, keys.aes);
  const signed = sign(`"${cipher}"`);
  return { content: JSON.stringify(content), cipher, sign: signed, good: util.verifySignatureV3(`"${cipher}"`, signed, pem(keys.alipay.public)) };
};
const contents = [
  { code: '10000', msg: 'Success', mobile: '15499990001' },
  { code: '10000', msg: 'Success', mobile: '13800138000' },
  { code: '40003', msg: 'Insufficient Conditions', subCode: 'isv.invalid-auth-relations', subMsg: '无效的授权关系' },
].map(phone);

writeFileSync(file, JSON.stringify({ made_by: `alipay-sdk ${version}`, keys, requests, answers, contents }, null, 1) + '\n');
