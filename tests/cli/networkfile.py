"""The form `network` written from its layout (host/layer/network_file.h), so that the tests share nothing with the
program: a writer with every choice open, and a reader."""

import hashlib
import json
import struct


class Writer:
    """Bits, each byte from its lowest bit up."""

    def __init__(self):
        self.bits = []

    def put(self, value, count):
        self.bits += [value >> b & 1 for b in range(count)]

    def number(self, value):
        while True:
            self.put(value & 7, 3)
            value >>= 3
            self.put(value > 0, 1)
            if not value:
                return

    def bytes(self):
        bits = self.bits + [0] * (-len(self.bits) % 8)
        return bytes(sum(bit << b for b, bit in enumerate(bits[at : at + 8])) for at in range(0, len(bits), 8))


class Reader:
    def __init__(self, content):
        self.bits = [byte >> b & 1 for byte in content for b in range(8)]
        self.at = 0

    def get(self, count):
        value = sum(bit << b for b, bit in enumerate(self.bits[self.at : self.at + count]))
        self.at += count
        assert self.at <= len(self.bits)
        return value

    def signed(self, count):
        value = self.get(count)
        return value - (1 << count if value >> (count - 1) else 0)

    def number(self):
        value, shift = 0, 0
        while True:
            value |= self.get(3) << shift
            shift += 3
            if not self.get(1):
                return value


def flat_lengths(symbols):
    """{symbol: bits} of a complete code in which all are as long as each other, or a bit longer."""
    symbols = sorted(symbols)
    if len(symbols) == 1:
        return {symbols[0]: 1}
    bits = (len(symbols) - 1).bit_length()
    short = (1 << bits) - len(symbols)
    return {symbol: bits - (k < short) for k, symbol in enumerate(symbols)}


def canonical(lengths):
    """{symbol: (code as it is read first bit first, bits)}"""
    codes, code, before = {}, 0, 0
    for symbol in sorted(lengths, key=lambda symbol: (lengths[symbol], symbol)):
        code <<= lengths[symbol] - before
        before = lengths[symbol]
        codes[symbol] = (code, before)
        code += 1
    return codes


def put_table(out, lengths, first, last):
    before = 4
    for symbol in range(first, last + 1):
        length = lengths.get(symbol, 0)
        if length and length == before:
            out.put(0, 1)
        elif length and length == before + 1:
            out.put(1, 2)
        elif length and length == before - 1:
            out.put(3, 3)
        else:
            out.put(7, 3)
            out.put(length, 4)
        before = length or before


def get_table(stream, first, last):
    before, lengths = 4, {}
    for symbol in range(first, last + 1):
        length = before
        if stream.get(1):
            length = before + 1
            if stream.get(1):
                length = stream.get(4) if stream.get(1) else before - 1
        if length:
            lengths[symbol] = before = length
    return {code: symbol for symbol, code in canonical(lengths).items()}


def put_symbol(out, codes, symbol):
    code, bits = codes[symbol]
    out.bits += [code >> (bits - 1 - b) & 1 for b in range(bits)]


def get_symbol(stream, symbols):
    code, bits = 0, 0
    while (code, bits) not in symbols:
        code, bits = code << 1 | stream.get(1), bits + 1
        assert bits <= 11
    return symbols[code, bits]


def put_lines(out, form, live, count):
    out.put(form, 2)
    if form == 1:
        for line in range(count):
            out.put(line in live, 1)
    if form == 2:
        at, dead = 0, True
        while at < count:
            end = at
            while end < count and (end not in live) == dead:
                end += 1
            out.number(end - at)
            at, dead = end, not dead


def get_lines(stream, count, before):
    form = stream.get(2)
    if form == 1:
        return [line for line in range(count) if stream.get(1)]
    if form == 3:
        assert before[1] == count
        return before[0]
    lines, at, dead = [], 0, True
    while form == 2 and at < count:
        length = stream.number()
        lines += [] if dead else range(at, at + length)
        at, dead = at + length, not dead
    return list(range(count)) if form == 0 else lines


def places(rows, columns, by_column):
    return [(i, j) for j in columns for i in rows] if by_column else [(i, j) for i in rows for j in columns]


def weights_of(part):
    return {(i, j): code for i, row in enumerate(part["codes"]) for j, code in enumerate(row) if code}


class Contexts:
    """Which table is next."""

    def __init__(self, t, m, d, centroids):
        self.t, self.m, self.d, self.centroids = t, m, d, centroids
        self.run, self.last, self.row, self.seen = 0, False, {}, {}

    def of_run(self, run=None):
        table = bool(self.t) and self.run >= 1 << (self.t - 1)
        if run is not None:
            self.run = run
        return table

    def of_code(self, i, j):
        near = (self.seen[i, j - d] for d in (1, self.d, self.d - 1, self.d + 1) if (i, j - d) in self.seen)
        by_neighbours = next((1 if positive else 2 for positive in near), 0)
        return [0, int(self.last), int(self.row.get(i, False)), by_neighbours][self.m]

    def saw(self, i, j, code):
        self.last = self.row[i] = self.seen[i, j] = self.centroids[code - 1] > 0


def put_part(out, part, before):
    codes, centroids = part["codes"], part["centroids"]
    outputs, inputs = len(codes), len(codes[0])
    name = part["name"].encode()
    out.put(len(name), 5)
    for character in name:
        out.put(character, 7)
    out.number(part.get("outputs", outputs))  # or what it says of them
    out.number(part.get("inputs", inputs))
    out.put(part["code_bits"] - 1, 3)
    out.put(part.get("relu", 0), 1)
    scale = part.get("scale")
    out.put(scale is not None, 1)
    if scale:
        for value, bits in zip(scale, (5, 6, 8)):
            out.put(value, bits)
    out.put(part.get("clusters", len(centroids)), part["code_bits"])
    out.put(part.get("fraction", 8), 5)
    for centroid in centroids:
        out.put(centroid, 16)
    weights = weights_of(part)
    rows, columns = {i for i, _ in weights}, {j for _, j in weights}
    row_form, column_form = part.get("lines", (0, 0))
    put_lines(out, row_form, rows, outputs)
    put_lines(out, column_form, columns, inputs)
    live_rows = sorted(rows) if row_form else list(range(outputs))
    live_columns = {0: list(range(inputs)), 3: before}.get(column_form, sorted(columns))
    bias = part.get("bias")
    bias_form = part.get("bias_form", 0 if bias is None else 1)
    out.put(bias_form, 2)
    if bias_form:
        bits = part.get("bias_bits", 16)
        out.put(part.get("bias_fraction", 4), 5)
        out.put(bits - 1, 4)
        for i, value in enumerate(bias):
            if bias_form == 1 or i in rows:
                out.put(value, bits)
    out.number(part.get("weights", len(weights)))
    if weights:
        put_weights(out, part, weights, places(live_rows, live_columns, part.get("by_column", 0)))
    return live_rows


def put_weights(out, part, weights, order):
    s, t, m, a = part.get("streams", (0, 0, 0, 8))
    d = part.get("distance", 3)
    for value, bits in zip((part.get("by_column", 0), s, t, m, a), (1, 3, 4, 2, 8)):
        out.put(value, bits)
    if m == 3:
        out.number(d)
    found, contexts, last = [], Contexts(t, m, d, part["centroids"]), -1
    for place, (i, j) in enumerate(order):
        if (i, j) in weights:
            run = place - last - 1
            last, code = place, weights[i, j]
            symbols = [a] * ((run >> s) // a) + [(run >> s) % a]
            found.append((contexts.of_run(run), symbols, run % (1 << s), contexts.of_code(i, j), code))
            contexts.saw(i, j, code)
    used = [{x for table, symbols, _, _, _ in found if table == c for x in symbols} for c in (False, True)]
    codes = [{code for _, _, _, table, code in found if table == c} for c in range(3)]
    lengths = [[flat_lengths(symbols) if symbols else {} for symbols in of] for of in (used, codes)]
    for c in range(1 + bool(t)):
        put_table(out, lengths[0][c], 0, a)
    for c in range((1, 2, 2, 3)[m]):
        put_table(out, lengths[1][c], 1, len(part["centroids"]))
    tables = [[canonical(table) for table in of] for of in lengths]
    for run_table, symbols, rest, code_table, code in found:
        for symbol in symbols:
            put_symbol(out, tables[0][run_table], symbol)
        out.put(rest, s)
        put_symbol(out, tables[1][code_table], code)


def container(name, content, metadata=None):
    header = {"__metadata__": metadata or {"eie.form": "network"}}
    header[name] = {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + content


def tensor(parts, version=1, count=None, behind=b""):
    """parts: dictionaries with name, code_bits, codes (rows), centroids (integers), and what else put_part knows."""
    out, before = Writer(), []
    for part in parts:
        before = put_part(out, part, before)
    content = b"EN" + bytes([version, len(parts) if count is None else count]) + out.bytes() + behind
    return content + hashlib.sha256(content).digest()[:4]


def write(name, parts, **changes):
    return container(name, tensor(parts, **changes))


def read(content):
    """A file's network: its name and parts, with what `write` takes of them."""
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    assert header.pop("__metadata__") == {"eie.form": "network"}
    ((name, _),) = header.items()
    data = content[8 + size :]
    assert data[:3] == b"EN\1" and hashlib.sha256(data[:-4]).digest()[:4] == data[-4:]
    stream, before, parts = Reader(data[4:-4]), None, []
    for _ in range(data[3]):
        part, before = get_part(stream, before)
        parts.append(part)
    assert len(stream.bits) - stream.at < 8 and not any(stream.bits[stream.at :])
    return name, parts


def get_part(stream, before):
    part = {"name": bytes(stream.get(7) for _ in range(stream.get(5))).decode()}
    outputs, inputs = stream.number(), stream.number()
    part["code_bits"], part["relu"] = stream.get(3) + 1, stream.get(1)
    if stream.get(1):
        part["scale"] = tuple(stream.get(bits) for bits in (5, 6, 8))
    clusters, part["fraction"] = stream.get(part["code_bits"]), stream.get(5)
    part["centroids"] = [stream.signed(16) for _ in range(clusters)]
    rows = get_lines(stream, outputs, None)
    columns = get_lines(stream, inputs, before)
    bias_form = stream.get(2)
    if bias_form:
        part["bias_fraction"], bits = stream.get(5), stream.get(4) + 1
        part["bias"] = [stream.signed(bits) if bias_form == 1 or i in rows else 0 for i in range(outputs)]
    part["codes"] = [[0] * inputs for _ in range(outputs)]
    count = stream.number()
    if count:
        get_weights(stream, part, count, rows, columns)
    return part, (rows, outputs)


def get_weights(stream, part, count, rows, columns):
    by_column, s, t, m, a = (stream.get(bits) for bits in (1, 3, 4, 2, 8))
    d = stream.number() if m == 3 else 0
    runs = [get_table(stream, 0, a) for _ in range(1 + bool(t))]
    codes = [get_table(stream, 1, len(part["centroids"])) for _ in range((1, 2, 2, 3)[m])]
    order, contexts, place = places(rows, columns, by_column), Contexts(t, m, d, part["centroids"]), -1
    for _ in range(count):
        run, table = 0, runs[contexts.of_run()]
        while (symbol := get_symbol(stream, table)) == a:
            run += a << s
        run += (symbol << s) + stream.get(s)
        contexts.of_run(run)
        place += run + 1
        i, j = order[place]
        part["codes"][i][j] = code = get_symbol(stream, codes[contexts.of_code(i, j)])
        contexts.saw(i, j, code)
