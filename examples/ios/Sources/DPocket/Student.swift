import CoreML
import Foundation

/// A student's .mlpackage with its contract: two linear views to signed disparity and confidence.
public final class Student {
    public let contract: Contract
    private let model: MLModel

    public struct Prediction {
        /// x_left - x_right in px of the given views, positive nearer than the focus plane.
        public let disparity: Plane
        /// The probability, 0..1, that it is right to within `withinPx` of the contract; nil without that output.
        public let confidence: Plane?
    }

    /// Compiles a package and reads the contract in its user-defined metadata. Throws StudentError without one.
    public static func load(package: URL, units: MLComputeUnits = .cpuOnly) async throws -> Student {
        let configuration = MLModelConfiguration()
        configuration.computeUnits = units
        let compiled = try await MLModel.compileModel(at: package)
        return try Student(model: MLModel(contentsOf: compiled, configuration: configuration))
    }

    public init(model: MLModel) throws {
        let said = model.modelDescription.metadata[.creatorDefinedKey] as? [String: String]
        guard let json = said?[Contract.metadataKey] else {
            throw StudentError("the model has no '\(Contract.metadataKey)' in its metadata; was it made by dpocket export?")
        }
        let contract = try Contract.decode(json)
        for spec in contract.inputs where spec.dtype != "float32" || spec.pixelFormat ?? "" != "" {
            throw StudentError("'\(spec.name)' is \(spec.dtype) \(spec.pixelFormat ?? ""); export with --coreml-inputs tensor")
        }
        self.model = model
        self.contract = contract
    }

    /// `left`, `right`: linear light, 0..1, equal size, square pixels, dual-pixel axis horizontal.
    ///
    /// Throws StudentError for views that do not fit one tile at the working width: this example does not tile.
    public func predict(left: Plane, right: Plane) throws -> Prediction {
        guard left.height == right.height, left.width == right.width else {
            throw StudentError("the left view is \(left.width)×\(left.height), the right one \(right.width)×\(right.height)")
        }
        let signals = try ["left": left, "right": right].mapValues { view in
            try preprocessed(resized(view, toWidth: contract.workingWidth), contract.preprocess)
        }
        var features: [String: MLFeatureValue] = [:]
        for (name, signal) in signals {
            features[name] = MLFeatureValue(multiArray: try tile(signal, contract.input(name)))
        }
        let answered = try model.prediction(from: MLDictionaryFeatureProvider(dictionary: features))
        guard let signal = signals["left"] else {
            throw StudentError("there is no left view")
        }
        let disparity = try map("disparity", answered, signal, left)
        let hasConfidence = contract.outputs.contains { $0.name == "confidence" }
        let confidence = hasConfidence ? try map("confidence", answered, signal, left) : nil
        return Prediction(
            disparity: disparity.scaled(by: Float(Double(left.width) / Double(contract.workingWidth))),
            confidence: confidence
        )
    }

    /// The plane in the top left corner of the network's input, mirrored where it ends.
    private func tile(_ signal: Plane, _ spec: TensorSpec) throws -> MLMultiArray {
        guard signal.height <= spec.height, signal.width <= spec.width else {
            throw StudentError(
                "at the working width the views are \(signal.width)×\(signal.height), more than the \(spec.width)×"
                    + "\(spec.height) of this model; export it with a larger --size"
            )
        }
        let array = try MLMultiArray(shape: spec.shape.map { NSNumber(value: $0) }, dataType: .float32)
        array.withUnsafeMutableBufferPointer(ofType: Float.self) { values, _ in
            for y in 0..<spec.height {
                let row = mirrored(y, signal.height) * signal.width
                for x in 0..<spec.width {
                    values[y * spec.width + x] = signal.values[row + mirrored(x, signal.width)]
                }
            }
        }
        return array
    }

    /// An output in its unit (px of the working width, or 0..1), at every pixel of `view`.
    private func map(_ name: String, _ answered: MLFeatureProvider, _ signal: Plane, _ view: Plane) throws -> Plane {
        let spec = try contract.output(name)
        guard let array = answered.featureValue(for: name)?.multiArrayValue, array.count == spec.height * spec.width else {
            throw StudentError("the model gave no '\(name)' of \(spec.width)×\(spec.height)")
        }
        // Cells that touch the plane; those beyond belong to the mirrored part.
        let rows = (signal.height + contract.outputStride - 1) / contract.outputStride
        let columns = (signal.width + contract.outputStride - 1) / contract.outputStride
        var values: [Float] = []
        values.reserveCapacity(rows * columns)
        for y in 0..<rows {
            for x in 0..<columns {
                let index = (spec.layout == "NHWC" ? [0, y, x, 0] : [0, 0, y, x]).map { NSNumber(value: $0) }
                var real = try spec.real(array[index].doubleValue)
                if name == "confidence" {
                    // A network does not clip its confidence.
                    real = min(max(real, spec.validRange[0]), spec.validRange[1])
                }
                values.append(Float(real))
            }
        }
        return resampled(
            Plane(values: values, height: rows, width: columns),
            of: (signal.height, signal.width), stride: contract.outputStride, height: view.height, width: view.width
        )
    }
}
