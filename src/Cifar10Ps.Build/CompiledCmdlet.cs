using System.Reflection;

namespace Cifar10Ps.Build;

/// <summary>The place of a parameter in one parameter set; without a position it is given by name only.</summary>
internal sealed record ParameterUse(string Set, int? Position, bool IsMandatory, bool FromPipeline, bool FromPropertyName);

/// <summary>A parameter, as its property declares it.</summary>
/// <remarks>
/// Type is the underlying type if the property is nullable. Values is filled if the values are a closed list. A use in
/// <see cref="CompiledCmdlet.AllSets"/> counts for each parameter set.
/// </remarks>
internal sealed record CompiledParameter(string Name, Type Type, string[] Aliases, bool TakesWildcards, string[] Values,
    ParameterUse[] Uses)
{
    public bool IsSwitch => Type.Name == "SwitchParameter";

    /// <summary>The place in a parameter set, or null.</summary>
    public ParameterUse? In(string set) => Array.Find(Uses, use => use.Set == set || use.Set == CompiledCmdlet.AllSets);
}

/// <summary>What an assembly's metadata say about a cmdlet: parameters as declared, the names of its parameter sets,
/// the default first.</summary>
internal sealed record CompiledCmdlet(string Verb, string Noun, CompiledParameter[] Parameters, string[] Sets, string[] Outputs)
{
    public const string AllSets = "__AllParameterSets";

    public string Name => $"{Verb}-{Noun}";

    /// <summary>Reads the cmdlets of an assembly, without running any of it, in the order of their names.</summary>
    /// <param name="assembly">The assembly.</param>
    /// <param name="references">All assemblies that it was compiled against.</param>
    public static CompiledCmdlet[] ReadAll(string assembly, IEnumerable<string> references)
    {
        // Not disposed: the types are used as long as the program runs.
        MetadataLoadContext context = new(new PathAssemblyResolver(references.Append(assembly)));
        return [.. from type in context.LoadFromAssemblyPath(assembly).GetExportedTypes()
                   let attribute = Attributes(type, "Cmdlet").SingleOrDefault()
                   where attribute is not null
                   let cmdlet = Read(type, attribute)
                   orderby cmdlet.Name
                   select cmdlet];
    }

    private static CompiledCmdlet Read(Type type, CustomAttributeData attribute)
    {
        List<CompiledParameter> parameters = [.. type.GetProperties().Where(p => Attributes(p, "Parameter").Any()).Select(Read)];
        if (Named(attribute, "SupportsShouldProcess", false))
        {
            Type toggle = attribute.AttributeType.Assembly.GetType("System.Management.Automation.SwitchParameter", throwOnError: true)!;
            parameters.Add(new("WhatIf", toggle, ["wi"], false, [], [new(AllSets, null, false, false, false)]));
            parameters.Add(new("Confirm", toggle, ["cf"], false, [], [new(AllSets, null, false, false, false)]));
        }

        string? standard = Named<string?>(attribute, "DefaultParameterSetName", null);
        string[] sets = [.. parameters.SelectMany(p => p.Uses)
            .Select(u => u.Set).Where(s => s != AllSets).Distinct().OrderBy(s => s != standard)];
        string[] outputs = [.. Attributes(type, "OutputType")
            .SelectMany(a => Values(a.ConstructorArguments[0])).OfType<Type>().Select(t => t.FullName!)];
        return new((string)attribute.ConstructorArguments[0].Value!, (string)attribute.ConstructorArguments[1].Value!,
            [.. parameters], sets is [] ? [AllSets] : sets, outputs);
    }

    private static CompiledParameter Read(PropertyInfo property)
    {
        Type type = property.PropertyType is { Name: "Nullable`1" } nullable ? nullable.GetGenericArguments()[0] : property.PropertyType;
        string[] values = type.IsEnum ? type.GetEnumNames() : Arguments(property, "ValidateSet");
        ParameterUse[] uses = [.. from attribute in Attributes(property, "Parameter")
                                  let position = Named(attribute, "Position", int.MinValue)
                                  select new ParameterUse(
                                      Named(attribute, "ParameterSetName", AllSets), position < 0 ? null : position,
                                      Named(attribute, "Mandatory", false),
                                      Named(attribute, "ValueFromPipeline", false),
                                      Named(attribute, "ValueFromPipelineByPropertyName", false))];
        return new(property.Name, type, Arguments(property, "Alias"), Attributes(property, "SupportsWildcards").Any(), values, uses);
    }

    private static IEnumerable<CustomAttributeData> Attributes(MemberInfo of, string name) =>
        of.GetCustomAttributesData().Where(a => a.AttributeType.FullName == $"System.Management.Automation.{name}Attribute");

    private static string[] Arguments(PropertyInfo of, string attribute) =>
        [.. Attributes(of, attribute).SelectMany(a => Values(a.ConstructorArguments[0])).OfType<string>()];

    /// <summary>The values of an argument, which may be one or an array.</summary>
    private static IEnumerable<object?> Values(CustomAttributeTypedArgument argument) =>
        argument.Value is IEnumerable<CustomAttributeTypedArgument> several ? several.Select(a => a.Value) : [argument.Value];

    private static T Named<T>(CustomAttributeData attribute, string name, T otherwise) =>
        attribute.NamedArguments.Where(a => a.MemberName == name).Select(a => (T)a.TypedValue.Value!).DefaultIfEmpty(otherwise).Single();
}
