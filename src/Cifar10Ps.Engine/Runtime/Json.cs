using System.Text.Json;
using System.Text.Json.Serialization;

namespace Cifar10Ps.Runtime;

/// <summary>How the engine writes its JSON: camel case, enums by name, numbers exactly.</summary>
internal static class Json
{
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter() },
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };
}
