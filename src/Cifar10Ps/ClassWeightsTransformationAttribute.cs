using System.Collections;
using System.Management.Automation;

namespace Cifar10Ps;

/// <summary>Makes class weights of the name of a rule, or of a hashtable with a number for each class.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ClassWeightsTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object? inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) switch
        {
            null or ClassWeights => inputData,
            string rule when rule.Equals(nameof(ClassWeights.Balanced), StringComparison.OrdinalIgnoreCase) => ClassWeights.Balanced,
            IDictionary byName => Of(byName),
            _ => throw new ArgumentTransformationMetadataException(
                $"'{inputData}' is not a valid set of class weights. "
                + "Give Balanced, or weights by the names of classes, such as @{ cat = 2 }."),
        };

    private static ClassWeights Of(IDictionary byName)
    {
        try
        {
            return new ClassWeights(byName.Keys.Cast<object>().Select(key => KeyValuePair.Create($"{key}", ToNumber(byName[key]))));
        }
        catch (Exception e) when (e is EngineException or PSInvalidCastException)
        {
            throw new ArgumentTransformationMetadataException(e.Message, e);
        }
    }

    private static double ToNumber(object? value) =>
        LanguagePrimitives.ConvertTo<double>(new NumberTransformationAttribute().Transform(null!, value!));
}
