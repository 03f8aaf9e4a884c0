import Foundation

/// What a student's inputs and outputs mean, from the model's user-defined metadata; fields as in
/// `runtime_py/contract.py`, whose snake_case names the decoder turns into these.
public struct Contract: Codable {
    public static let metadataKey = "dpocket.contract"
    public static let readableVersion = 1

    public let student: String
    public let inputs: [TensorSpec]
    public let outputs: [TensorSpec]
    public let workingWidth: Int
    public let outputStride: Int
    public let preprocess: PreprocessSettings
    public let dpAxis: String
    public let pixelAspect: Double
    public let version: Int

    /// Throws StudentError for text that is no contract of this version.
    public static func decode(_ json: String) throws -> Contract {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            let contract = try decoder.decode(Contract.self, from: Data(json.utf8))
            guard contract.version == readableVersion else {
                throw StudentError("the contract has version \(contract.version); this package reads \(readableVersion)")
            }
            return contract
        } catch let error as DecodingError {
            throw StudentError("the model's contract cannot be read: \(error)")
        }
    }

    public func input(_ name: String) throws -> TensorSpec {
        try Contract.named(inputs, name)
    }

    public func output(_ name: String) throws -> TensorSpec {
        try Contract.named(outputs, name)
    }

    private static func named(_ specs: [TensorSpec], _ name: String) throws -> TensorSpec {
        guard let found = specs.first(where: { $0.name == name }) else {
            throw StudentError("the contract has no '\(name)'; it has \(specs.map(\.name).joined(separator: ", "))")
        }
        return found
    }
}

/// One input or output. The real value of a stored integer q is (q - zeroPoint) * scale.
public struct TensorSpec: Codable {
    public let name: String
    public let shape: [Int]
    public let layout: String
    public let dtype: String
    public let unit: String
    public let validRange: [Double]
    public let sign: String?
    public let scale: Double?
    public let zeroPoint: Int?
    public let withinPx: Double?
    public let pixelFormat: String?

    public var height: Int { layout == "NHWC" ? shape[1] : shape[2] }
    public var width: Int { layout == "NHWC" ? shape[2] : shape[3] }

    /// A value that Core ML gave, in `unit`: float outputs are real already.
    public func real(_ stored: Double) throws -> Double {
        if dtype == "float32" || dtype == "float16" {
            return stored
        }
        guard let scale, let zeroPoint else {
            throw StudentError("'\(name)' is \(dtype) and its contract gives no scale and zero point")
        }
        return (stored - Double(zeroPoint)) * scale
    }
}

/// clip(gain * (g - box(g)), ±limit) of g = ln(x / mean(x) + floor), box being the side of a local mean in px.
public struct PreprocessSettings: Codable {
    public let box: Int
    public let floor: Double
    public let gain: Double
    public let limit: Double
}

/// One sentence with what was found and what to do.
public struct StudentError: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
