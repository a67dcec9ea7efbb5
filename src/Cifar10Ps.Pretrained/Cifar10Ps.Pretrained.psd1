@{
    # Weights only: New-ResNet -Pretrained of the module Cifar10Ps reads them.
    ModuleVersion     = '1.0.0'
    GUID              = 'c1d1f6f5-3a4e-4a57-8f6e-0a7d0b4b9c33'
    Author            = 'The Cifar10Ps authors'
    CompanyName       = 'Cifar10Ps'
    Copyright         = '(c) Microsoft Corporation (weights). MIT licence.'
    Description       = 'Weights of a ResNet-18 trained on ImageNet, for New-ResNet -Pretrained of the module Cifar10Ps.'
    PowerShellVersion = '7.6'
    FileList          = @('ResNet18.onnx', 'ResNetPreprocess.onnx', 'LICENSE', 'THIRD-PARTY-NOTICES.TXT')
    FunctionsToExport = @()
    CmdletsToExport   = @()
    VariablesToExport = @()
    AliasesToExport   = @()
    PrivateData       = @{
        PSData = @{
            Tags       = @('ResNet', 'ImageNet', 'ImageClassification', 'PSEdition_Core')
            LicenseUri = 'https://opensource.org/license/mit'
        }
    }
}
