/// Samples of height × width pixels, row by row.
public struct Plane {
    public var values: [Float]
    public let height: Int
    public let width: Int

    public init(values: [Float], height: Int, width: Int) {
        precondition(height > 0 && width > 0 && values.count == height * width, "no plane of that size")
        self.values = values
        self.height = height
        self.width = width
    }

    /// `ratio` times every value.
    func scaled(by ratio: Float) -> Plane {
        Plane(values: values.map { $0 * ratio }, height: height, width: width)
    }
}

/// Index of a sample mirrored at both ends without repeating the last: 0 1 2 1 0 1 … of three.
func mirrored(_ at: Int, _ length: Int) -> Int {
    if length == 1 {
        return 0
    }
    let period = 2 * (length - 1)
    let within = ((at % period) + period) % period
    return min(within, period - within)
}
