// The operations and their order are those of runtime_py/captures/exact.py, resize.py and preprocess.py: doubles, rounded
// to Float once per function.

private let sqrtHalfBits: Int64 = 0x3FE6_A09E_667F_3BCD
private let ln2High = 0x1.62e42fefap-1
private let ln2Low = 0x1.cf79abc9e3b3ap-40
private let terms = 10

/// ln x of a normal positive double.
func naturalLog(_ x: Double) -> Double {
    let bits = Int64(bitPattern: x.bitPattern)
    let exponent = (bits - sqrtHalfBits) >> 52
    let f = Double(bitPattern: UInt64(bitPattern: bits - (exponent << 52))) - 1.0
    let k = Double(exponent)
    let s = f / (f + 2.0)
    let z = s * s
    var series = z * (2.0 / Double(2 * terms + 1))
    for i in stride(from: terms - 1, to: 0, by: -1) {
        series += 2.0 / Double(2 * i + 1)
        series *= z
    }
    let logM = f - s * (f - series)
    return k * ln2High + (logM + k * ln2Low)
}

/// Mean over side × side samples around each, mirrored at the borders.
func boxMean(_ plane: [Double], height: Int, width: Int, side: Int) -> [Double] {
    let before = side / 2
    // running[i]: sum of the first i rows from `before` rows above the top on.
    var running = [Double](repeating: 0, count: (height + side) * width)
    for i in 0..<(height + side - 1) {
        let row = mirrored(i - before, height) * width
        for x in 0..<width {
            running[(i + 1) * width + x] = running[i * width + x] + plane[row + x]
        }
    }
    var result = [Double](repeating: 0, count: height * width)
    var across = [Double](repeating: 0, count: width + side)
    for y in 0..<height {
        for i in 0..<(width + side - 1) {
            let x = mirrored(i - before, width)
            across[i + 1] = across[i] + (running[(y + side) * width + x] - running[y * width + x])
        }
        for x in 0..<width {
            result[y * width + x] = (across[x + side] - across[x]) / Double(side * side)
        }
    }
    return result
}

/// One linear view at the working width to the network's input, within ±limit.
func preprocessed(_ view: Plane, _ settings: PreprocessSettings) throws -> Plane {
    guard settings.box >= 1, settings.floor >= 1e-6 else {
        throw StudentError("a box of \(settings.box) px and a floor of \(settings.floor) leave no logarithm or no mean")
    }
    let light = view.values.map { max($0, 0) }
    var columns = [Double](repeating: 0, count: view.width)
    for y in 0..<view.height {
        for x in 0..<view.width {
            columns[x] += Double(light[y * view.width + x])
        }
    }
    let mean = columns.reduce(0, +) / Double(light.count)
    guard mean > 0 else {
        throw StudentError("a view is black everywhere: nothing is left of it to find disparity in; check its black level")
    }
    let g = light.map { naturalLog(Double($0) / mean + settings.floor) }
    let local = boxMean(g, height: view.height, width: view.width, side: settings.box)
    let signal = zip(g, local).map { pair in
        Float(min(max((pair.0 - pair.1) * settings.gain, -settings.limit), settings.limit))
    }
    return Plane(values: signal, height: view.height, width: view.width)
}
