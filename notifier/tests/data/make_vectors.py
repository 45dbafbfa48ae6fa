#!/usr/bin/env python3
"""Writes vectors.json: requests with made-up values, and their signatures computed here with the standard library only,
independently of the Rust code.   usage: make_vectors.py > vectors.json"""
import base64
import calendar
import hashlib
import hmac
import json
import time
from urllib.parse import quote, urlencode


def digest(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


def escape(text):
    return quote(text, safe="~")


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def sign_acs3(inputs, headers, body):
    query = "&".join(f"{escape(k)}={escape(v)}" for k, v in sorted(inputs["query_params"].items()))
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = f"POST\n/\n{query}\n{lines}\n{names}\n{digest(body)}"
    to_sign = "ACS3-HMAC-SHA256\n" + digest(canonical)
    signature = hmac.new(inputs["access_key_secret"].encode(), to_sign.encode(), "sha256").hexdigest()
    return {
        "canonical_query": query, "payload_sha256": digest(body), "signed_headers": names, "headers_to_sign": headers,
        "canonical_request": canonical, "string_to_sign": to_sign, "signature": signature,
        "authorization": f"ACS3-HMAC-SHA256 Credential={inputs['access_key_id']},SignedHeaders={names},Signature={signature}",
    }


def acs3(name, channel, api, host, timestamp, nonce, query, form=None):
    body = urlencode(form or {})
    inputs = {
        "access_key_id": "LTAImadeUp0007", "access_key_secret": "notASecret/Quite+Plain", "timestamp": timestamp,
        "unix_time": calendar.timegm(time.strptime(timestamp, "%Y-%m-%dT%H:%M:%SZ")), "nonce": nonce, "endpoint": host,
        "method": "POST", "path": "/", "params": {**query, **(form or {})}, "query_params": query, "body_params": form or {},
    }
    minimal = {
        "host": host, "x-acs-action": api, "x-acs-content-sha256": digest(body), "x-acs-date": timestamp,
        "x-acs-signature-nonce": nonce, "x-acs-version": "2017-05-25",
    }
    if body:
        minimal["content-type"] = "application/x-www-form-urlencoded"
    full = {**minimal, "accept": "application/json", "user-agent": "anybody/1.0 (test)", "x-acs-credentials-provider": "static_ak"}
    expected = sign_acs3(inputs, full, body)
    expected["minimal"] = sign_acs3(inputs, minimal, body)
    return {
        "id": name, "provider": "aliyun", "channel": channel, "api": api, "api_version": "2017-05-25",
        "scheme": "ACS3-HMAC-SHA256", "source": "computed", "inputs": inputs, "expected": expected,
        "wire": {"query_raw": urlencode(query), "body_utf8": body, "body_b64": base64.b64encode(body.encode()).decode()},
    }


def webhook(name, key, timestamp, message_id, body):
    to_sign = f"{message_id}.{timestamp}.{body}"
    signature = "v1," + base64.b64encode(hmac.new(key, to_sign.encode(), "sha256").digest()).decode()
    return {
        "id": name, "provider": "webhook", "channel": "sms", "api": "generic", "scheme": "standard-webhooks/v1",
        "source": "computed",
        "inputs": {"access_key_secret": "whsec_" + base64.b64encode(key).decode(), "timestamp": timestamp, "unix_time": timestamp,
                   "nonce": message_id, "method": "POST", "path": "/webhook/sms", "body": body},
        "expected": {"string_to_sign": to_sign, "signature": signature,
                     "headers": {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": signature}},
    }


SMS, VOICE = "dysmsapi.aliyuncs.com", "dyvmsapi.aliyuncs.com"
ODD = "西湖 A+B *~ 3%/4 (东) 'q' \"w\" \\ ! & = # ? ; : @ é"
VECTORS = [
    acs3("own-login", "sms", "SendSms", SMS, "2021-03-04T05:06:07Z", "a1", {
        "PhoneNumbers": "13911112222", "SignName": "码上", "TemplateCode": "SMS_7", "TemplateParam": compact({"code": "314159"}), "OutId": "r1"}),
    acs3("own-odd-characters", "sms", "SendSms", SMS, "2024-02-29T23:59:59Z", "0e8c-x.y_z~", {
        "PhoneNumbers": "13911112222,13911113333", "SignName": "码上", "TemplateCode": "SMS_8",
        "TemplateParam": compact({"place": ODD, "empty": ""}), "OutId": "a b+c"}),
    acs3("own-port-and-no-params", "sms", "SendSms", "127.0.0.1:9400", "1999-12-31T23:00:00Z", "n", {
        "PhoneNumbers": "85251234567", "SignName": "M", "TemplateCode": "SMS_9"}),
    acs3("own-batch", "sms", "SendBatchSms", SMS, "2021-03-04T05:06:08Z", "b2", {"TemplateCode": "SMS_8", "OutId": "r2"}, {
        "PhoneNumberJson": compact(["13911112222", "13911113333"]), "SignNameJson": compact(["码上", "码上"]),
        "TemplateParamJson": compact([{"place": ODD}, {"place": "灵隐寺"}])}),
    acs3("own-call", "voice", "SingleCallByTts", VOICE, "2021-03-04T05:06:09Z", "c3", {
        "CalledNumber": "13911112222", "CalledShowNumber": "057187654321", "TtsCode": "TTS_1",
        "TtsParam": compact({"place": "灵隐寺"}), "OutId": "123456789012345"}),
    webhook("own-webhook", b"made up key, 24 bytes ok", 1614834367, "r3", compact({"type": "sms", "to": ["+8613911112222"], "text": "你好 + 再见"})),
    webhook("own-webhook-empty", bytes(range(64)), 1, "m.1", ""),
]
CALLBACKS = [
    {"id": "own-sms-report", "provider": "aliyun", "channel": "sms", "api": "SmsReport", "method": "POST",
     "content_type": "application/json",
     "body": compact([
         {"phone_number": "13911112222", "send_time": "2021-03-04 13:06:07", "report_time": "2021-03-04 13:06:11", "success": True,
          "err_code": "DELIVERED", "err_msg": "ok", "sms_size": "2", "biz_id": "11^0", "out_id": "r2"},
         {"phone_number": "85251234567", "report_time": "2021-03-04 13:06:12", "success": False, "err_code": "MOBILE_SEND_LIMIT",
          "biz_id": "11^0"}]),
     "expect": [
         {"phone": "13911112222", "delivered": True, "code": "DELIVERED", "provider_id": "11^0", "ref": "r2"},
         {"phone": "+85251234567", "delivered": False, "code": "MOBILE_SEND_LIMIT", "provider_id": "11^0", "ref": None}],
     "reply": {"status": 200, "body": {"code": 0, "msg": "接收成功"}}},
    {"id": "own-voice-report", "provider": "aliyun", "channel": "voice", "api": "VoiceReport", "method": "POST",
     "content_type": "application/json",
     "body": compact([
         {"status_code": "200002", "callee": "13911112222", "call_id": "12^3", "out_id": "123456789012345", "duration": "0",
          "end_time": "2021-03-04 13:07:00", "status_msg": "busy", "toll_type": "DOMESTIC"}]),
     "expect": [{"phone": "13911112222", "delivered": False, "duration_s": 0, "code": "200002", "provider_id": "12^3",
                 "ref": "123456789012345"}],
     "reply": {"status": 200, "body": {"code": 0, "msg": "接收成功"}}},
]

def sdk(name, api, timestamp, payload, content_type):
    """Huawei Cloud: a form is not signed, JSON by its hash."""
    secret, path = "notASecret/Quite+Plain", f"/sms/{api}/v1"
    form = content_type.endswith("urlencoded")
    headers = {"content-type": content_type, "host": "smsapi.example.com", "x-sdk-date": timestamp}
    if form:
        headers["x-sdk-content-sha256"] = "UNSIGNED-PAYLOAD"
    names = ";".join(sorted(headers))
    lines = "".join(f"{n}:{headers[n]}\n" for n in sorted(headers))
    canonical = f"POST\n{path}/\n\n{lines}\n{names}\n{'UNSIGNED-PAYLOAD' if form else digest(payload)}"
    to_sign = f"SDK-HMAC-SHA256\n{timestamp}\n{digest(canonical)}"
    signature = hmac.new(secret.encode(), to_sign.encode(), "sha256").hexdigest()
    return {
        "id": name, "provider": "huawei", "channel": "sms", "api": api, "api_version": "v1", "scheme": "SDK-HMAC-SHA256",
        "source": "computed",
        "inputs": {
            "access_key_id": "HwImadeUp0007", "access_key_secret": secret, "endpoint": "smsapi.example.com", "path": path,
            "unix_time": calendar.timegm(time.strptime(timestamp, "%Y%m%dT%H%M%SZ")), "payload": payload,
            "content_type": content_type,
        },
        "expected": {"minimal": {
            "headers_to_sign": headers, "signed_headers": names, "canonical_request": canonical, "string_to_sign": to_sign,
            "signature": signature,
            "authorization": f"SDK-HMAC-SHA256 Access=HwImadeUp0007, SignedHeaders={names}, Signature={signature}",
        }},
    }


def basic(name, form):
    key_id, secret = "AC" + "0f" * 16, "notASecret:/Quite+Plain"
    token = base64.b64encode(f"{key_id}:{secret}".encode()).decode()
    return {
        "id": name, "provider": "twilio", "channel": "sms", "api": "Messages", "scheme": "HTTP-BASIC", "source": "computed",
        "inputs": {"access_key_id": key_id, "access_key_secret": secret},
        "expected": {"authorization": f"Basic {token}", "form": form, "body": urlencode([tuple(pair) for pair in form])},
    }


def twilio_signature(name, signed_url, url, form, valid, told=None):
    text = signed_url + "".join(k + v for k, v in sorted(form.items()))
    signature = base64.b64encode(hmac.new(b"notAToken", text.encode(), "sha1").digest()).decode()
    return {
        "id": name,
        "inputs": {
            "access_key_secret": "notAToken", "configured_url": url, "headers": {"X-Twilio-Signature": signature},
            "body": urlencode(told or form),
        },
        "expected": {"valid": valid},
    }


VECTORS += [
    sdk("own-huawei-form", "batchSendSms", "20210304T050607Z", urlencode({"from": "88", "to": "+8613911112222"}),
        "application/x-www-form-urlencoded"),
    sdk("own-huawei-json", "batchSendDiffSms", "20210304T160607Z", compact({"from": "88", "说": "~*+ %"}), "application/json"),
    basic("own-twilio-basic", [["To", "+8613911112222"], ["From", "+15005550006"], ["Body", "【号】A+B ~*/50% & c=d\n"]]),
]
TOLD, URL = {"MessageSid": "SM1", "MessageStatus": "delivered", "Err": "", "To": "+8613911112222"}, "https://gw.example.com/r/t?ref=r1"
CHECKS = [
    twilio_signature("own-twilio-true", URL, URL, TOLD, True),
    twilio_signature("own-twilio-port", URL, URL.replace(".com", ".com:8443"), TOLD, True),
    twilio_signature("own-twilio-other-ref", URL, URL.replace("r1", "r2"), TOLD, False),
    twilio_signature("own-twilio-changed", URL, URL, TOLD, False, {**TOLD, "MessageStatus": "failed"}),
]

print(json.dumps({"schema_version": 1, "set": "own", "vectors": VECTORS, "twilio_signature": CHECKS, "callbacks": CALLBACKS},
                 ensure_ascii=False, indent=1))
