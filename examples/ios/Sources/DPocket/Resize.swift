/// `view` at `width` pixels, height rounded half to even: areas averaged when shrinking, linear when enlarging.
func resized(_ view: Plane, toWidth width: Int) -> Plane {
    if view.width == width {
        return view
    }
    let exact = Double(view.height * width) / Double(view.width)
    let height = max(1, Int(exact.rounded(.toNearestOrEven)))
    let values = width < view.width ? shrunk(view, height, width) : enlarged(view, height, width)
    return Plane(values: values.map { Float($0) }, height: height, width: width)
}

/// Means over height × width cells that divide the view evenly: rows are joined first, then columns.
private func shrunk(_ view: Plane, _ height: Int, _ width: Int) -> [Double] {
    var rows = [Double](repeating: 0, count: height * view.width)
    for x in 0..<view.width {
        let cells = cellMeans(count: height, of: view.height) { Double(view.values[$0 * view.width + x]) }
        for y in 0..<height {
            rows[y * view.width + x] = cells[y]
        }
    }
    var result: [Double] = []
    result.reserveCapacity(height * width)
    for y in 0..<height {
        result += cellMeans(count: width, of: view.width) { rows[y * view.width + $0] }
    }
    return result
}

/// Along one axis: a cell is the difference of the integrals at its ends over its length.
private func cellMeans(count: Int, of n: Int, sample: (Int) -> Double) -> [Double] {
    var means = [Double](repeating: 0, count: count)
    let length = Double(n) / Double(count)
    var running = 0.0
    var before = 0.0
    var at = 0
    for cell in 0..<count {
        let edge = (cell + 1) * n
        while at < edge / count {
            running += sample(at)
            at += 1
        }
        let share = Double(edge % count) / Double(count)
        let integral = at < n ? running + share * sample(at) : running
        means[cell] = (integral - before) / length
        before = integral
    }
    return means
}

/// Linear between samples, edges held: columns first, then rows.
private func enlarged(_ view: Plane, _ height: Int, _ width: Int) -> [Double] {
    var across: [Double] = []
    across.reserveCapacity(view.height * width)
    for y in 0..<view.height {
        across += between(count: width, of: view.width) { Double(view.values[y * view.width + $0]) }
    }
    var result = [Double](repeating: 0, count: height * width)
    for x in 0..<width {
        let column = between(count: height, of: view.height) { across[$0 * width + x] }
        for y in 0..<height {
            result[y * width + x] = column[y]
        }
    }
    return result
}

private func between(count: Int, of n: Int, sample: (Int) -> Double) -> [Double] {
    (0..<count).map { i in
        let scaled = min(max((2 * i + 1) * n - count, 0), 2 * count * (n - 1))
        let first = scaled / (2 * count)
        let share = Double(scaled % (2 * count)) / Double(2 * count)
        let second = min(first + 1, n - 1)
        return sample(first) * (1.0 - share) + sample(second) * share
    }
}

/// A grid whose cell i lies at (i + 1/2)·stride px of a plane, at the pixels of height × width that cover that plane.
func resampled(_ grid: Plane, of plane: (height: Int, width: Int), stride: Int, height: Int, width: Int) -> Plane {
    func taps(_ count: Int, _ length: Int, _ cells: Int) -> [(first: Int, second: Int, share: Float)] {
        (0..<count).map { i in
            let centre = (Double(i) + 0.5) * (Double(length) / Double(count)) / Double(stride) - 0.5
            let at = min(max(centre, 0), Double(cells - 1))
            let first = min(Int(at), max(0, cells - 2))
            return (first, min(first + 1, cells - 1), Float(at - Double(first)))
        }
    }
    let down = taps(height, plane.height, grid.height)
    let across = taps(width, plane.width, grid.width)
    var result = [Float](repeating: 0, count: height * width)
    for (y, d) in down.enumerated() {
        let row = (0..<grid.width).map { x in
            grid.values[d.first * grid.width + x] * (1 - d.share) + grid.values[d.second * grid.width + x] * d.share
        }
        for (x, a) in across.enumerated() {
            result[y * width + x] = row[a.first] * (1 - a.share) + row[a.second] * a.share
        }
    }
    return Plane(values: result, height: height, width: width)
}
