"""Reads vectors.json by docs/code-format.md alone, with the standard library alone, and says where it disagrees."""
import hashlib, json, sys

P, Q = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
I = pow(2, (P - 1) // 4, P)
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
LONGEST = {1: 300, 2: 300, 3: 31 * 86400, 4: 366 * 86400}

def add(a, b):
    t, u = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    v, w = 2 * a[3] * b[3] * D, 2 * a[2] * b[2]
    e, f, g, h = u - t, w - v, w + v, u + t
    return e * f % P, g * h % P, f * g % P, e * h % P

def times(n, a):
    r = (0, 1, 1, 0)
    for bit in bin(n)[2:]:
        r = add(r, r)
        if bit == "1": r = add(r, a)
    return r

def point(raw):
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P: return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P: x = x * I % P
    if (x * x - square) % P or (x == 0 and sign): return None
    if x & 1 != sign: x = P - x
    return x, y, 1, x * y % P

BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))

def usable(raw):
    a = point(raw)
    return a is not None and times(8, a)[0] != 0

def signature_fits(key, message, signature):
    a, r, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if s >= Q or not usable(key) or not usable(signature[:32]): return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little")
    left, right = times(s, BASE), add(r, times(k % Q, a))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))

def refused(code, **more): return {"refused": {"code": code, **more}}

def group(chars):
    if any(c not in ALPHABET for c in chars): raise ValueError("alphabet")
    n = sum(ALPHABET.index(c) * 45**i for i, c in enumerate(chars))
    if n >= 256 ** (len(chars) - 1): raise ValueError("group")
    return n.to_bytes(len(chars) - 1, "big")

def read(v, keys):
    text = v["text"]
    if not text.startswith("MSC:"): raise ValueError("prefix")
    text = text[4:]
    if len(text) < 3: raise ValueError("length")
    version = group(text[:3])[0]
    if version != 1: return refused("unknown_version", number=version)
    if not 143 <= len(text) <= 173 or len(text) % 3 == 1: raise ValueError("length")
    raw = b"".join(group(text[i:i + 3]) for i in range(0, len(text), 3))
    number = lambda a, b: int.from_bytes(raw[a:b], "big")
    purpose, key, issued, expires, colour = raw[1], number(2, 6), number(6, 10), number(10, 14), raw[30]
    if key not in keys: return refused("unknown_key", number=key)
    if not signature_fits(bytes.fromhex(keys[key]["public_key"]), b"mashang-code" + raw[:-64], raw[-64:]):
        return refused("bad_signature")
    if not keys[key]["in_use_from"] <= issued < keys[key]["in_use_until"]: return refused("key_not_in_use", number=key)
    if purpose not in v["accepted_purposes"] or purpose not in LONGEST: return refused("wrong_purpose", number=purpose)
    if colour > 4 or (purpose == 1 and colour == 0): raise ValueError("colour")
    if not 0 < expires - issued <= LONGEST[purpose]: raise ValueError("life")
    if v["now"] + v["skew"] < issued: return refused("not_yet_valid", seconds=issued - v["now"])
    if v["now"] >= expires + v["skew"]: return refused("expired", seconds=v["now"] - expires)
    if raw[14:30].hex() in v["denied"]: return refused("denied")
    return {"accepted": {"key": key, "purpose": purpose, "issued_at": issued, "expires_at": expires,
                         "id": raw[14:30].hex(), "colour": colour, "payload": raw[31:-64].hex()}}

def result(v, keys):
    try: return read(v, keys)
    except ValueError as flaw: return refused("malformed", flaw=str(flaw))

file = json.load(open(sys.argv[1], encoding="utf-8"))
keys = {k["id"]: k for k in file["keys"]}
wrong = [f"usable: {k}" for k in file["unusable_keys"] if usable(bytes.fromhex(k))]
for v in file["vectors"]:
    if (found := result(v, keys)) != v["expected"]: wrong.append(f"{v['name']}: {found}, not {v['expected']}")
print("\n".join(wrong) or f"{len(file['vectors'])} vectors agree")
sys.exit(bool(wrong))
